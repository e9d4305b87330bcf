# Alarms of the whole; each function's own are in its module.
resource "aws_sns_topic" "alarms" {
  name              = "${var.prefix}-alarms"
  kms_master_key_id = local.key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OurAlarmsOnly"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${var.region}:${local.account}:alarm:${var.prefix}-*" }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "people" {
  for_each  = var.alarm_emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  alarm_name          = "${var.prefix}-silent"
  alarm_description   = "verify has not run for a quarter of an hour: nothing is watched, nothing that was lost is found again."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = module.function["verify"].name }
  statistic           = "Sum"
  period              = 900
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# verify says so each time it runs while the permit is missing or says stop.
resource "aws_cloudwatch_log_metric_filter" "stopped" {
  name           = "${var.prefix}-stopped"
  log_group_name = module.function["verify"].log_group
  pattern        = "{ $.event = \"wake.refused\" && $.input = \"*nothing is verified*\" }"
  metric_transformation {
    namespace = "Trimtab/${var.prefix}"
    name      = "Stopped"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "stopped" {
  alarm_name          = "${var.prefix}-stopped"
  alarm_description   = "The run permit is missing, unreadable or says stop, so nothing is opened, merged or verified. `trimtab status` says who stopped it and why; an operator resumes."
  namespace           = "Trimtab/${var.prefix}"
  metric_name         = "Stopped"
  statistic           = "Sum"
  period              = 900
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "turned_away" {
  alarm_name          = "${var.prefix}-turned-away"
  alarm_description   = "receive is throttled or slow, and senders get errors: Slack gives up after three seconds."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5xx"
  dimensions          = { ApiId = aws_apigatewayv2_api.this.id }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 5
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# One dashboard of less than 50 metrics is among the free ones, and each costs $3 a month where those are used up. So the machine is
# told by what goes wrong with it, not by each of its runs; how long an event took, and how many were served, is WakeSeconds.
locals {
  widgets = [
    { title = "Errors", stat = "Sum", metrics = [for each in module.function : ["AWS/Lambda", "Errors", "FunctionName", each.name]] },
    { title = "Dead letters", stat = "Maximum", metrics = [for each in module.function : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", each.dead_queue.name]] },
    { title = "Oldest message (s)", stat = "Maximum", metrics = [for each in module.function : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", each.name] if each.queue_arn != null] },
    { title = "Ended with a reason", stat = "Sum", metrics = [for name in keys(local.table) : ["Trimtab/${var.prefix}", "WakesRefused", "function", name] if name != "receive"] },
    { title = "Duration of those that work long, longest (ms)", stat = "Maximum", metrics = [for name in ["collect", "ingest", "propose", "verify"] : ["AWS/Lambda", "Duration", "FunctionName", module.function[name].name]] },
    { title = "Webhooks", stat = "Sum", metrics = concat([for name in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", name, "ApiId", aws_apigatewayv2_api.this.id]], [["AWS/Lambda", "Throttles", "FunctionName", module.function["receive"].name]]) },
    { title = "Proposals", stat = "Sum", metrics = [for name in ["ProposalsOpened", "ProposalsMerged", "ProposalsRefused", "ProposalsRejected", "ProposalsRolledBack"] : ["Trimtab/${var.prefix}", name]] },
    { title = "Oldest waiting item (s)", stat = "Maximum", metrics = [["Trimtab/${var.prefix}", "OldestWaitingSeconds"]] },
    { title = "Stopped", stat = "Sum", metrics = [["Trimtab/${var.prefix}", "Stopped"]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.prefix
  dashboard_body = jsonencode({
    widgets = [for place, widget in local.widgets : {
      type   = "metric"
      x      = 12 * (place % 2)
      y      = 6 * floor(place / 2)
      width  = 12
      height = 6
      properties = {
        title = widget.title, stat = widget.stat, metrics = widget.metrics, region = var.region, period = 300, view = "timeSeries"
      }
    }]
  })
}
