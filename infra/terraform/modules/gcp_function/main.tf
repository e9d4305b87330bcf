# One function and all that is its own: topic, subscriptions, dead letters, schedule, alarms. Without it, nothing of it is left.
locals {
  name     = "${var.prefix}-${var.function}"
  is_woken = length(var.subscriptions) > 0 || var.schedule != null
  # The clock's topic is its own; the others it shares.
  subscriptions = merge(var.subscriptions, var.schedule == null ? {} : { clock = { topic = google_pubsub_topic.clock[0].id, filter = null, objects = null } })
}

# ── Code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
# Without an event trigger of its own: that would be one of Eventarc, with a subscription that nobody here could give dead letters,
# a backoff or a filter, and with direct storage events of every object. The messages come by the subscriptions below, and the
# functions framework makes of a pushed message the same event that Eventarc would bring.
resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:ingress decides: internal for all but receive, whose callers are Slack, forges and Palette
  name        = local.name
  location    = var.region
  description = "Trimtab: ${var.function}"

  build_config {
    runtime           = var.runtime
    entry_point       = "handler"
    service_account   = var.builder
    docker_repository = var.repository
    # What the builder would fetch by itself lies in the bundle, checked by its hash.
    environment_variables = { GOOGLE_VENDOR_PIP_DEPENDENCIES = "wheels" }
    source {
      storage_source {
        bucket = var.bundle.bucket
        object = var.bundle.object
      }
    }
  }

  service_config {
    available_memory                 = "${var.size.memory_mb}Mi"
    available_cpu                    = tostring(var.size.cpus)
    timeout_seconds                  = var.size.timeout_s
    max_instance_count               = var.size.instances
    max_instance_request_concurrency = 1
    service_account_email            = var.service_account
    ingress_settings                 = var.ingress
    environment_variables            = var.environment
    all_traffic_on_latest_revision   = true
    vpc_connector                    = var.network
    vpc_connector_egress_settings    = var.network == null ? null : "PRIVATE_RANGES_ONLY"

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }
  }
}

# ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "google_cloud_run_v2_service_iam_member" "caller" {
  count    = local.is_woken ? 1 : 0
  location = google_cloudfunctions2_function.this.location
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.caller}"
}

resource "google_pubsub_subscription" "this" {
  for_each                   = local.subscriptions
  name                       = "${local.name}-${each.key}"
  topic                      = each.value.topic
  filter                     = each.value.filter
  ack_deadline_seconds       = min(600, var.size.timeout_s + 30)
  message_retention_duration = "${7 * 24 * 3600}s"

  expiration_policy {
    ttl = "" # never: a quiet month is no reason to stop listening
  }

  push_config {
    push_endpoint = google_cloudfunctions2_function.this.service_config[0].uri
    oidc_token {
      service_account_email = var.caller
      audience              = google_cloudfunctions2_function.this.service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead[0].id
    max_delivery_attempts = var.deliveries
  }

  # A filter of a subscription knows beginnings of names only, this one their ends.
  dynamic "message_transforms" {
    for_each = each.value.objects[*]
    content {
      javascript_udf {
        function_name = "completes"
        code          = "function completes(message, metadata) { return /${message_transforms.value}/.test(message.attributes.objectId || '') ? message : null; }"
      }
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.caller, google_pubsub_topic_iam_member.dead]
}

# What nobody could do, after all its deliveries. The messages wait here for a person.
resource "google_pubsub_topic" "dead" {
  #checkov:skip=CKV_GCP_83:Google's own key; messages name objects, and say what a budget says
  count = local.is_woken ? 1 : 0
  name  = "${local.name}-dead"
}

resource "google_pubsub_subscription" "dead" {
  count                      = local.is_woken ? 1 : 0
  name                       = "${local.name}-dead"
  topic                      = google_pubsub_topic.dead[0].id
  ack_deadline_seconds       = 60
  message_retention_duration = "${14 * 24 * 3600}s"
  expiration_policy {
    ttl = ""
  }
}

# A dead message is published there and acknowledged here, by Pub/Sub itself.
resource "google_pubsub_topic_iam_member" "dead" {
  count  = local.is_woken ? 1 : 0
  topic  = google_pubsub_topic.dead[0].id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${var.pubsub_agent}"
}

resource "google_pubsub_subscription_iam_member" "dead" {
  for_each     = local.subscriptions
  subscription = google_pubsub_subscription.this[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${var.pubsub_agent}"
}

# ── Clock ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "google_pubsub_topic" "clock" {
  #checkov:skip=CKV_GCP_83:it carries the name of a function
  count = var.schedule == null ? 0 : 1
  name  = "${local.name}-clock"
}

resource "google_cloud_scheduler_job" "this" {
  count     = var.schedule == null ? 0 : 1
  name      = local.name
  region    = var.region
  schedule  = var.schedule
  time_zone = "Etc/UTC"
  pubsub_target {
    topic_name = google_pubsub_topic.clock[0].id
    # Cloud Scheduler cannot write the time into a message; when it was published is the tick's.
    data = base64encode(jsonencode({ function = var.function }))
  }
  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "20s"
  }
}

# ── Alarms ────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "google_monitoring_alert_policy" "dead" {
  count                 = local.is_woken ? 1 : 0
  display_name          = "${local.name}: dead letters"
  combiner              = "OR"
  notification_channels = var.channels
  documentation {
    content = "${var.function} could not do something that it was asked for, and nobody tries it again: `trimtab replay ${var.function} --dry-run` names what lies in ${google_pubsub_subscription.dead[0].name}; mend the cause, then hand it back without --dry-run."
  }
  conditions {
    display_name = "A message is dead"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.dead[0].name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "errors" {
  display_name          = "${local.name}: errors"
  combiner              = "OR"
  notification_channels = var.channels
  documentation {
    content = "${var.function} fails again and again: its logs say why."
  }
  conditions {
    display_name = "Runs fail for a quarter of an hour"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${local.name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "900s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "age" {
  count                 = local.is_woken && var.is_alarmed_by_age ? 1 : 0
  display_name          = "${local.name}: age"
  combiner              = "OR"
  notification_channels = var.channels
  documentation {
    content = "A message of ${var.function} waits for over two hours: it fails, or too much comes."
  }
  conditions {
    display_name = "A message is old"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = starts_with(\"${local.name}-\") AND resource.labels.subscription_id != \"${google_pubsub_subscription.dead[0].name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = 7200
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}
