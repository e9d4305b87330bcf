# The functions' own metrics, made of the log lines that they write anyway. meters.json is shared/trimtab/meters.py, printed.
locals {
  meters = jsondecode(file("${path.module}/meters.json"))
}

resource "google_logging_metric" "this" {
  for_each         = local.meters
  project          = var.project
  name             = "${var.prefix}/${each.key}"
  description      = each.value.about
  filter           = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.prefix}-\" AND ${each.value.filter}"
  value_extractor  = each.value.value
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit        = each.value.unit
    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = each.value.value[*]
    content {
      exponential_buckets {
        num_finite_buckets = 40
        growth_factor      = 1.5
        scale              = 0.1
      }
    }
  }
}
