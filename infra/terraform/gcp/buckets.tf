# The store (lake, documents, drops, exports) and, apart from it, the ledger: what is in it was created once.
locals {
  names = { for which in ["ledger", "store"] : which => "${var.prefix}-${which}-${var.project}" }
}

module "ledger" {
  source   = "../modules/gcp_bucket"
  name     = local.names.ledger
  location = var.region
  lock     = var.ledger_lock
  # Requests and their marks end, streams never do; a mark outlives its request, which would be served again without it.
  expiry = {
    "${var.tenant}/inbox/" = var.request_days
    "${var.tenant}/done/"  = var.request_days + 30
  }
  # Long enough to find out who deleted what, short enough that an erased person is gone.
  old_version_days = 30
  soft_delete_days = 7
}

module "store" {
  source   = "../modules/gcp_bucket"
  name     = local.names.store
  location = var.region
  # docs/ never expires: verdicts in the ledger name what they were made from, in docs/inputs/.
  # A copy of the bill is made anew every few hours, whole.
  expiry = merge(
    { "usage/" = var.drop_days, "${var.tenant}/spark/" = 1 },
    { for name in keys(var.billing_exports) : "exports/${name}/" => 14 },
  )
  # The lake writes no file twice, and tidies by itself: here is only what was removed from it.
  old_versions = { "${var.tenant}/lake/" = 7 }
  # BigQuery writes over its own files while it exports, and a table's log is written over all day: old versions are enough.
  soft_delete_days = 0
}

# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────────────────
# Google allows ten of one kind in a bucket and there are more inboxes than that: so one topic for all of them, and the
# subscriptions of functions are filtered. Nothing is ever attached to a bucket that is not made here.
locals {
  notified = {
    inbox = { bucket = module.ledger.name, prefixes = ["${var.tenant}/inbox/"] }
    drops = { bucket = module.store.name, prefixes = ["usage/", "exports/"] }
  }
  # What completes a delivery; the data files before it wake nobody.
  complete = "\\/(_complete|_trimtab_complete|manifest|[^\\/]*-Manifest)\\.json$"

  subscriptions = { for name, each in local.table : name => merge(
    { for prefix in each.inbox : trimsuffix(replace(prefix, "/[^a-z]+/", "-"), "-") => {
      topic = google_pubsub_topic.notified["inbox"].id, filter = "hasPrefix(attributes.objectId, \"${var.tenant}/inbox/${prefix}\")"
    } },
    each.drops ? { drops = { topic = google_pubsub_topic.notified["drops"].id, objects = local.complete } } : {},
    each.notices ? { billing = { topic = google_pubsub_topic.notices.id } } : {},
  ) }
}

resource "google_pubsub_topic" "notified" {
  #checkov:skip=CKV_GCP_83:Google's own key; messages name objects and hold none
  for_each = local.notified
  name     = "${var.prefix}-${each.key}"
}

# Cloud Storage of this project, and nobody else.
resource "google_pubsub_topic_iam_member" "notified" {
  for_each = local.notified
  topic    = google_pubsub_topic.notified[each.key].id
  role     = "roles/pubsub.publisher"
  member   = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
}

# Asking for it makes the account exist.
data "google_storage_project_service_account" "this" {}

resource "google_storage_notification" "this" {
  for_each           = merge([for name, each in local.notified : { for prefix in each.prefixes : "${name}:${prefix}" => { topic = name, bucket = each.bucket, prefix = prefix } }]...)
  bucket             = each.value.bucket
  topic              = google_pubsub_topic.notified[each.value.topic].id
  event_types        = ["OBJECT_FINALIZE"]
  object_name_prefix = each.value.prefix
  payload_format     = "JSON_API_V1" # a message without data is one that the functions framework does not take
  depends_on         = [google_pubsub_topic_iam_member.notified]
}
