# Nine functions from one module, each with a service account of its own. What they are is in functions.json, what they may do in
# rights.json; a function that leaves both leaves nothing behind.
data "google_project" "this" {
  project_id = var.project
}

locals {
  rights = jsondecode(file("${path.module}/rights.json"))
  pubsub = "service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  table = { for name, each in jsondecode(file("${path.module}/functions.json")) : name => {
    size       = { memory_mb = each.memory_mb, cpus = each.cpus, timeout_s = each.timeout_s, instances = each.instances }
    schedule   = try(each.schedule, null)
    inbox      = try(each.inbox, [])
    drops      = try(each.drops, false)
    notices    = try(each.notices, false)
    deliveries = try(each.deliveries, 10)
  } }
}

# What a function is; its rights are in rights.tf and secrets.tf, and stand before it runs for the first time.
resource "google_service_account" "function" {
  for_each     = local.table
  account_id   = "${var.prefix}-${each.key}"
  display_name = "Trimtab: ${each.key}"
}

# Who wakes functions: Pub/Sub shows this account's token with each message it brings, and nobody else may call.
resource "google_service_account" "caller" {
  account_id   = "${var.prefix}-caller"
  display_name = "Trimtab: messages to functions"
}

# Pub/Sub makes the token itself.
resource "google_service_account_iam_member" "pubsub_shows_caller" {
  service_account_id = google_service_account.caller.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = "serviceAccount:${local.pubsub}"
}

module "function" {
  source   = "../modules/gcp_function"
  for_each = local.table

  project           = var.project
  region            = var.region
  prefix            = var.prefix
  function          = each.key
  size              = each.value.size
  runtime           = var.runtime
  bundle            = { bucket = google_storage_bucket_object.bundle[each.key].bucket, object = google_storage_bucket_object.bundle[each.key].name }
  repository        = google_artifact_registry_repository.images.id
  builder           = google_service_account.builder.id
  service_account   = google_service_account.function[each.key].email
  environment       = local.environment[each.key]
  secrets           = local.secret_environment[each.key]
  ingress           = each.key == "receive" ? (var.domain == null ? "ALLOW_ALL" : "ALLOW_INTERNAL_AND_GCLB") : "ALLOW_INTERNAL_ONLY"
  network           = each.key == "receive" ? null : var.network
  caller            = google_service_account.caller.email
  pubsub_agent      = local.pubsub
  subscriptions     = local.subscriptions[each.key]
  schedule          = lookup(var.schedules, each.key, each.value.schedule)
  deliveries        = each.value.deliveries
  is_alarmed_by_age = each.key != "propose" # its runs of a thousand clusters take hours by design
  channels          = local.channels

  # Without its rights its first revision would not start.
  depends_on = [
    google_secret_manager_secret_iam_member.function,
    google_storage_bucket_iam_member.function,
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder,
  ]
}

# ── Code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
# No function may write there. The hash is in the name: another zip is another object, and a new revision.
resource "google_storage_bucket_object" "bundle" {
  for_each = local.table
  bucket   = module.store.name
  name     = "bundles/${each.key}-${filesha256("${var.bundles}/${each.key}.zip")}.zip"
  source   = "${var.bundles}/${each.key}.zip"
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:Google's own key; images hold released code and no secret
  location      = var.region
  repository_id = "${var.prefix}-functions"
  format        = "DOCKER"
  description   = "What the functions were built into"
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 3
    }
  }
  cleanup_policies {
    id     = "drop-others"
    action = "DELETE"
    condition {
      older_than = "${30 * 24 * 3600}s"
    }
  }
}

resource "google_service_account" "builder" {
  account_id   = "${var.prefix}-builder"
  display_name = "Trimtab: builds functions"
}

# Cloud Build pushes the image.
resource "google_artifact_registry_repository_iam_member" "builder" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

resource "google_project_iam_member" "builder" {
  for_each = {
    "roles/logging.logWriter" = null # Cloud Build says what it does
    # The bucket that Google copies code to before it builds.
    "roles/storage.objectViewer" = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-\")"
  }
  project = var.project
  role    = each.key
  member  = google_service_account.builder.member
  dynamic "condition" {
    for_each = each.value[*]
    content {
      title      = "code of functions"
      expression = condition.value
    }
  }
}
