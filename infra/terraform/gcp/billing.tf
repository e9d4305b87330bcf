# The bill is in BigQuery and nowhere else. A scheduled query copies this month and the last to the store, each into a folder of its
# own, and puts our completion marker last, with every file's name and size: it is what `ingest` believes.
locals {
  exports = [for name, each in var.billing_exports : {
    name            = name
    form            = "gcp"
    prefix          = "gs://${module.store.name}/exports/${name}/"
    billing_account = each.billing_account
  }]
  billing_locations = toset([for each in values(var.billing_exports) : each.location])
  billing_datasets = { for each in values(var.billing_exports) : regex("^(.+)[.]", each.table)[0] => {
    project = regex("^(.+)[.][^.]+[.][^.]+$", each.table)[0]
    dataset = regex("[.]([^.]+)[.][^.]+$", each.table)[0]
  }... }
}

resource "google_service_account" "exporter" {
  count        = length(var.billing_exports) == 0 ? 0 : 1
  account_id   = "${var.prefix}-exporter"
  display_name = "Trimtab: copies the bill"
}

# A scheduled query is a job of the project that pays for it.
resource "google_project_iam_member" "exporter" {
  count   = length(var.billing_exports) == 0 ? 0 : 1
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.exporter[0].member
}

# EXPORT DATA reads the billing table.
resource "google_bigquery_dataset_iam_member" "exporter" {
  for_each   = local.billing_datasets
  project    = each.value[0].project
  dataset_id = each.value[0].dataset
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.exporter[0].member
}

# BigQuery writes over what it writes, so it may replace; below exports/ and nowhere else.
resource "google_storage_bucket_iam_member" "exporter" {
  count  = length(var.billing_exports) == 0 ? 0 : 1
  bucket = module.store.name
  role   = "roles/storage.objectUser"
  member = google_service_account.exporter[0].member
  condition {
    title      = "exports"
    expression = "resource.name.startsWith(\"${local.objects_of.exports}exports/\") || resource.type == \"storage.googleapis.com/Bucket\""
  }
}

# ── What lies in the store, as BigQuery sees it ───────────────────────────────────────────────────────────────────────
# EXPORT DATA does not say which files it wrote. A table of the bucket's objects does, with their sizes.
resource "google_bigquery_dataset" "this" {
  #checkov:skip=CKV_GCP_81:Google's own key; it holds no row, only a view of file names
  for_each                   = local.billing_locations
  dataset_id                 = replace("${var.prefix}_${each.value}", "-", "_")
  location                   = each.value
  description                = "Files that the bill was copied to"
  delete_contents_on_destroy = true
}

resource "google_bigquery_connection" "this" {
  for_each      = local.billing_locations
  connection_id = "${var.prefix}-exports"
  location      = each.value
  cloud_resource {}
}

# The table of objects reads with the connection's account, not with that of who asks.
resource "google_storage_bucket_iam_member" "connection" {
  for_each = local.billing_locations
  bucket   = module.store.name
  role     = "roles/storage.objectViewer"
  member   = "serviceAccount:${google_bigquery_connection.this[each.key].cloud_resource[0].service_account_id}"
  condition {
    title      = "exports"
    expression = "resource.name.startsWith(\"${local.objects_of.exports}exports/\") || resource.type == \"storage.googleapis.com/Bucket\""
  }
}

resource "google_bigquery_table" "objects" {
  #checkov:skip=CKV_GCP_80:Google's own key; it holds no row
  #checkov:skip=CKV_GCP_121:it holds nothing that could be lost
  for_each            = local.billing_locations
  dataset_id          = google_bigquery_dataset.this[each.key].dataset_id
  table_id            = "objects"
  deletion_protection = false
  external_data_configuration {
    autodetect      = false
    connection_id   = google_bigquery_connection.this[each.key].name
    object_metadata = "SIMPLE"
    source_uris     = ["gs://${module.store.name}/exports/*"]
  }
  depends_on = [google_storage_bucket_iam_member.connection]
}

# The marker's query reads it.
resource "google_bigquery_dataset_iam_member" "objects" {
  for_each   = local.billing_locations
  dataset_id = google_bigquery_dataset.this[each.key].dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.exporter[0].member
}

# ── Copy ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "google_bigquery_data_transfer_config" "export" {
  for_each             = var.billing_exports
  display_name         = "${var.prefix}-${each.key}"
  location             = each.value.location
  data_source_id       = "scheduled_query"
  schedule             = each.value.schedule
  service_account_name = google_service_account.exporter[0].email
  params = {
    query = templatefile("${path.module}/export.sql.tftpl", {
      export  = each.key
      table   = each.value.table
      folder  = "gs://${module.store.name}/exports/${each.key}"
      objects = "${var.project}.${google_bigquery_dataset.this[each.value.location].dataset_id}.${google_bigquery_table.objects[each.value.location].table_id}"
    })
  }
  depends_on = [
    google_project_iam_member.exporter,
    google_bigquery_dataset_iam_member.exporter,
    google_bigquery_dataset_iam_member.objects,
    google_storage_bucket_iam_member.exporter,
  ]
}
