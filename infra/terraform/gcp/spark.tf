# Bills that are too large for one function. A batch starts by the clock and ends when nothing waits; between them nothing runs.
locals {
  # The rights of `ingest`, whose work it finishes, on the messages that `ingest` left for it, and a folder for its own files.
  spark_bindings = var.spark == null ? {} : merge(
    { for key, each in local.bindings : key => each if each.function == "ingest" },
    {
      "spark done"  = { bucket = "ledger", role = "roles/storage.objectCreator", condition = "resource.name.startsWith(\"${local.objects_of.ledger}${var.tenant}/done/spark/\")" }
      "spark files" = { bucket = "store", role = "roles/storage.objectUser", condition = "resource.name.startsWith(\"${local.objects_of.store}${var.tenant}/spark/\")" }
      "spark lists" = { bucket = "store", role = "roles/storage.objectViewer", condition = "resource.type == \"storage.googleapis.com/Bucket\"" }
      "spark waits" = { bucket = "ledger", role = "roles/storage.objectViewer", condition = "resource.type == \"storage.googleapis.com/Bucket\"" }
    },
  )
}

resource "google_secret_manager_secret_iam_member" "spark" {
  for_each  = { for key, each in local.readable : key => each if each.function == "ingest" && var.spark != null }
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.spark[0].member
}

resource "google_service_account" "spark" {
  count        = var.spark == null ? 0 : 1
  account_id   = "${var.prefix}-spark"
  display_name = "Trimtab: large bills"
}

resource "google_storage_bucket_iam_member" "spark" {
  for_each = local.spark_bindings
  bucket   = local.buckets[each.value.bucket]
  role     = each.value.role
  member   = google_service_account.spark[0].member
  condition {
    title      = "rights.json"
    expression = each.value.condition
  }
}

# What the runtime itself does: logs, staging, the batch's own state.
resource "google_project_iam_member" "spark" {
  count   = var.spark == null ? 0 : 1
  project = var.project
  role    = "roles/dataproc.worker"
  member  = google_service_account.spark[0].member
}

resource "google_service_account" "spark_clock" {
  count        = var.spark == null ? 0 : 1
  account_id   = "${var.prefix}-starter"
  display_name = "Trimtab: starts Spark batches"
}

# Google's own roles that may start a batch may make clusters too.
resource "google_project_iam_custom_role" "spark_clock" {
  count       = var.spark == null ? 0 : 1
  role_id     = "${replace(var.prefix, "-", "_")}_starter"
  title       = "Trimtab: starts Spark batches"
  permissions = ["dataproc.batches.create"]
}

resource "google_project_iam_member" "spark_clock" {
  count   = var.spark == null ? 0 : 1
  project = var.project
  role    = google_project_iam_custom_role.spark_clock[0].name
  member  = google_service_account.spark_clock[0].member
}

# A batch is started in the name of the account that it runs as.
resource "google_service_account_iam_member" "spark_clock" {
  count              = var.spark == null ? 0 : 1
  service_account_id = google_service_account.spark[0].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.spark_clock[0].member
}

resource "google_cloud_scheduler_job" "spark" {
  count     = var.spark == null ? 0 : 1
  name      = "${var.prefix}-spark"
  region    = var.region
  schedule  = var.spark.schedule
  time_zone = "Etc/UTC"
  http_target {
    http_method = "POST"
    uri         = "https://dataproc.googleapis.com/v1/projects/${var.project}/locations/${var.region}/batches"
    headers     = { "Content-Type" = "application/json" }
    body = base64encode(jsonencode({
      labels       = { trimtab = var.prefix }
      pysparkBatch = { mainPythonFileUri = var.spark.script, args = ["--store", "gs://${module.store.name}"] }
      runtimeConfig = {
        version        = var.spark.runtime
        containerImage = var.spark.image
        # Google puts no secret into a batch: its variables say where they are.
        properties = { for name, value in merge(
          { for name, value in local.environment["ingest"] : name => value if name != "TRIMTAB_STORE" },
          { for name, each in local.secret_environment["ingest"] : name => "projects/${var.project}/secrets/${each.secret}/versions/${each.version}" },
        ) : "spark.dataproc.driverEnv.${name}" => value }
      }
      environmentConfig = { executionConfig = {
        serviceAccount = google_service_account.spark[0].email
        subnetworkUri  = var.spark.subnetwork
        ttl            = "14400s"
      } }
    }))
    oauth_token {
      service_account_email = google_service_account.spark_clock[0].email
    }
  }
}
