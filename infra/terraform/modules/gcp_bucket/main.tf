# A private bucket: no access lists, never public, with old versions or a retention. Who may do what is beside the functions.
resource "google_storage_bucket" "this" {
  #checkov:skip=CKV_GCP_62:who read and wrote is Cloud Audit Logs' data access, which an account sets up once for all its buckets
  #checkov:skip=CKV_GCP_78:old versions or a retention, Google allows one of them; ledger_lock decides
  name                        = var.name
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = var.lock == null
  }

  dynamic "retention_policy" {
    for_each = var.lock[*]
    content {
      retention_period = retention_policy.value.days * 24 * 3600
      is_locked        = retention_policy.value.is_locked
    }
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 24 * 3600
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.old_version_days
      with_state                 = "ARCHIVED"
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.old_versions
    content {
      action {
        type = "Delete"
      }
      condition {
        days_since_noncurrent_time = lifecycle_rule.value
        matches_prefix             = [lifecycle_rule.key]
        with_state                 = "ARCHIVED"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.expiry
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = [lifecycle_rule.key]
        with_state     = "LIVE"
      }
    }
  }
}
