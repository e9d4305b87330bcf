# Budgets and cost anomalies of this account tell `alert`, each through a topic that takes messages of its own service alone.
locals {
  notices = {
    budgets   = { service = "budgets.amazonaws.com", source = "arn:${local.partition}:budgets::${local.account}:*" }
    anomalies = { service = "costalerts.amazonaws.com", source = "arn:${local.partition}:ce::${local.account}:*" }
  }
}

resource "aws_sns_topic" "notices" {
  for_each          = local.notices
  name              = "${var.prefix}-${each.key}"
  kms_master_key_id = local.key_arn
}

resource "aws_sns_topic_policy" "notices" {
  for_each = local.notices
  arn      = aws_sns_topic.notices[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OurAccountOnly"
      Effect    = "Allow"
      Principal = { Service = each.value.service }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.notices[each.key].arn
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = each.value.source }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "alert" {
  for_each  = local.notices
  topic_arn = aws_sns_topic.notices[each.key].arn
  protocol  = "lambda"
  endpoint  = module.function["alert"].arn
}

resource "aws_lambda_permission" "notices" {
  for_each      = local.notices
  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = module.function["alert"].name
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.notices[each.key].arn
}

resource "aws_budgets_budget" "this" {
  for_each     = var.budgets
  name         = "${var.prefix}-${each.key}"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(each.value.amount)
  limit_unit   = each.value.currency

  dynamic "cost_filter" {
    for_each = each.value.filters
    content {
      name   = cost_filter.key
      values = cost_filter.value
    }
  }

  dynamic "notification" {
    for_each = setproduct(["ACTUAL", "FORECASTED"], each.value.thresholds)
    content {
      comparison_operator       = "GREATER_THAN"
      notification_type         = notification.value[0]
      threshold                 = notification.value[1]
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.notices["budgets"].arn]
    }
  }

  depends_on = [aws_sns_topic_policy.notices]
}

resource "aws_ce_anomaly_monitor" "services" {
  count             = var.anomalies_above == null ? 0 : 1
  name              = var.prefix
  monitor_type      = "DIMENSIONAL"
  monitor_dimension = "SERVICE"
}

resource "aws_ce_anomaly_subscription" "alert" {
  count            = var.anomalies_above == null ? 0 : 1
  name             = var.prefix
  frequency        = "IMMEDIATE"
  monitor_arn_list = aws_ce_anomaly_monitor.services[*].arn
  subscriber {
    type    = "SNS"
    address = aws_sns_topic.notices["anomalies"].arn
  }
  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(var.anomalies_above)]
    }
  }
  depends_on = [aws_sns_topic_policy.notices]
}
