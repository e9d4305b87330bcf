# Budgets tell `alert`, through a topic that takes messages of Cloud Billing alone.
resource "google_pubsub_topic" "notices" {
  #checkov:skip=CKV_GCP_83:Google's own key; Cloud Billing publishes from outside the project
  name = "${var.prefix}-notices"
}

resource "google_pubsub_topic_iam_member" "notices" {
  topic  = google_pubsub_topic.notices.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"
}

resource "google_billing_budget" "this" {
  for_each        = var.budgets
  billing_account = each.value.billing_account
  display_name    = "${var.prefix}-${each.key}"

  budget_filter {
    projects               = [for project in sort(each.value.projects) : "projects/${project}"]
    calendar_period        = "MONTH"
    credit_types_treatment = "INCLUDE_ALL_CREDITS"
  }

  amount {
    specified_amount {
      currency_code = each.value.currency
      units         = tostring(each.value.amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = setproduct(["CURRENT_SPEND", "FORECASTED_SPEND"], each.value.thresholds)
    content {
      spend_basis       = threshold_rules.value[0]
      threshold_percent = threshold_rules.value[1] / 100
    }
  }

  all_updates_rule {
    pubsub_topic                   = google_pubsub_topic.notices.id
    schema_version                 = "1.0"
    disable_default_iam_recipients = true
  }

  depends_on = [google_pubsub_topic_iam_member.notices]
}
