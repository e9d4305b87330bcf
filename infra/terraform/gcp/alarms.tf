# Logs, and alarms of the whole; each function's own are in its module.
locals {
  channels = [for channel in google_monitoring_notification_channel.people : channel.id]
}

resource "google_monitoring_notification_channel" "people" {
  for_each     = var.alarm_emails
  display_name = "${var.prefix}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
}

# ── Logs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
# What functions say, kept as long as log_days says: the project's own bucket is everybody's, and keeps it thirty days.
resource "google_logging_project_bucket_config" "this" {
  project        = var.project
  location       = var.region
  bucket_id      = var.prefix
  retention_days = var.log_days
  description    = "What the functions of ${var.prefix} say"
}

resource "google_logging_project_sink" "this" {
  name                   = var.prefix
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.this.id}"
  unique_writer_identity = true
  filter = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for name in keys(local.table) : "\"${var.prefix}-${name}\""])})",
    "(log_id(\"run.googleapis.com/stderr\") OR log_id(\"run.googleapis.com/stdout\"))",
  ])
}

# Azure's secret may be in the URL that a request's log shows.
resource "google_logging_project_exclusion" "azure" {
  count       = contains(keys(local.senders), "azure") ? 1 : 0
  name        = "${var.prefix}-azure"
  description = "URLs with Azure's secret"
  filter      = "(resource.type=\"http_load_balancer\" OR (resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.prefix}-receive\")) AND httpRequest.requestUrl:\"/azure?\""
}

# What docs/observability.md lists, made of those lines.
module "meters" {
  source  = "../modules/gcp_meters"
  project = var.project
  prefix  = var.prefix
}

# ── Alarms ────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "google_monitoring_alert_policy" "silent" {
  display_name          = "${var.prefix}: silent"
  combiner              = "OR"
  notification_channels = local.channels
  documentation {
    content = "verify has not run for a quarter of an hour: nothing is watched, nothing that was lost is found again."
  }
  conditions {
    display_name = "verify does not run"
    condition_absent {
      filter   = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${module.function["verify"].name}\" AND metric.type = \"run.googleapis.com/request_count\""
      duration = "900s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

# verify says so each time it runs while the permit is missing or says stop.
resource "google_logging_metric" "stopped" {
  name        = "${var.prefix}/stopped"
  description = "Runs of verify that found no permit"
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${module.function["verify"].name}\" AND jsonPayload.event=\"wake.refused\" AND jsonPayload.input:\"nothing is verified\""
  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_alert_policy" "stopped" {
  display_name          = "${var.prefix}: stopped"
  combiner              = "OR"
  notification_channels = local.channels
  documentation {
    content = "The run permit is missing, unreadable or says stop, so nothing is opened, merged or verified. `trimtab status` says who stopped it and why; an operator resumes."
  }
  conditions {
    display_name = "verify found no permit"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.stopped.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period     = "900s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "turned_away" {
  display_name          = "${var.prefix}: turned away"
  combiner              = "OR"
  notification_channels = local.channels
  documentation {
    content = "receive has no instance left or is slow, and senders get errors: Slack gives up after three seconds."
  }
  conditions {
    display_name = "Senders get 429 or 5xx"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${module.function["receive"].name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code = one_of(\"429\", \"500\", \"502\", \"503\", \"504\")"
      comparison      = "COMPARISON_GT"
      threshold_value = 5
      duration        = "0s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}
