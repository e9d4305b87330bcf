# One function and all that is its own: role, log group, dead letters, queue, schedule, alarms. Without it, nothing of it is left.
data "aws_caller_identity" "this" {}

locals {
  name    = "${var.prefix}-${var.function}"
  account = data.aws_caller_identity.this.account_id
}

# ── Code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_173:it holds no secret: settings and secrets are in Secrets Manager, their ARNs are here
  function_name                  = local.name
  role                           = aws_iam_role.this.arn
  runtime                        = var.runtime
  handler                        = "functions.${var.function}.aws.handler"
  architectures                  = [var.architecture]
  s3_bucket                      = var.bundle.bucket
  s3_key                         = var.bundle.key
  source_code_hash               = var.bundle.hash
  memory_size                    = var.size.memory_mb
  timeout                        = var.size.timeout_s
  reserved_concurrent_executions = var.is_reserved ? var.size.concurrency : -1
  layers                         = var.layers
  code_signing_config_arn        = var.code_signing_arn

  environment {
    variables = var.environment
  }

  ephemeral_storage {
    size = var.size.disk_mb
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format = "Text" # it writes JSON itself
    log_group  = aws_cloudwatch_log_group.this.name
  }

  dynamic "vpc_config" {
    for_each = var.network[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Without its rights it would fail at its first event, and without them until the last it could not put away what it still does.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:log_days decides; what must last is in the ledger
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

# ── Rights ────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "aws_iam_role" "this" {
  name = local.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "rights"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for right in concat(local.mechanisms, var.rights) : { Effect = "Allow", Action = right.actions, Resource = right.resources }
    ]
  })
}

locals {
  # What Lambda itself does in the function's name. Everything else comes from rights.json.
  mechanisms = concat(
    [
      { actions = ["logs:CreateLogStream", "logs:PutLogEvents"], resources = ["${aws_cloudwatch_log_group.this.arn}:*"] },
      { actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources = ["*"] },
      { actions = ["sqs:SendMessage"], resources = [aws_sqs_queue.dead.arn] },
    ],
    [for queue in aws_sqs_queue.this : {
      actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resources = [queue.arn]
    }],
    [for key in var.kms_key_arn[*] : { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [key] }],
    [for network in var.network[*] : {
      actions = [
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface",
        "ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
      ],
      resources = ["*"]
    }],
  )
}

# ── Queue ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
# What nobody could do: messages of the queue after their deliveries, calls of clock and topics after their retries.
resource "aws_sqs_queue" "dead" {
  name                      = "${local.name}-dead"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue" "this" {
  count                      = var.queue == null ? 0 : 1
  name                       = local.name
  message_retention_seconds  = 14 * 24 * 3600
  visibility_timeout_seconds = 6 * var.size.timeout_s # what AWS asks for: throttled batches are tried again within it
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = var.queue.deliveries })
}

resource "aws_sqs_queue_policy" "this" {
  count     = var.queue == null ? 0 : 1
  queue_url = aws_sqs_queue.this[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OurBucketsOnly"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this[0].arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = var.queue.buckets }
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
      {
        Sid       = "HttpsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.this[0].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_lambda_event_source_mapping" "this" {
  count                   = var.queue == null ? 0 : 1
  event_source_arn        = aws_sqs_queue.this[0].arn
  function_name           = aws_lambda_function.this.arn
  batch_size              = var.queue.batch
  function_response_types = ["ReportBatchItemFailures"]
  scaling_config {
    maximum_concurrency = max(2, var.size.concurrency) # AWS takes no less than 2; the reserved concurrency holds a 1
  }
}

# ── Clock ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:it carries the name of a function and a time
  count               = var.schedule == null ? 0 : 1
  name                = local.name
  group_name          = var.schedule_group
  schedule_expression = var.schedule
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.clock[0].arn
    # jsonencode writes < and > as \u003c and \u003e, which the scheduler would not take for its own words.
    input = replace(replace(jsonencode({
      version       = "0"
      id            = "<aws.scheduler.execution-id>"
      source        = "aws.scheduler"
      "detail-type" = "Scheduled Event"
      time          = "<aws.scheduler.scheduled-time>"
      resources     = ["<aws.scheduler.schedule-arn>"]
      detail        = {}
    }), "\\u003c", "<"), "\\u003e", ">")
    dead_letter_config {
      arn = aws_sqs_queue.dead.arn
    }
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 10
    }
  }
  depends_on = [aws_iam_role_policy.clock]
}

resource "aws_iam_role" "clock" {
  count = var.schedule == null ? 0 : 1
  name  = "${local.name}-clock"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "clock" {
  count = var.schedule == null ? 0 : 1
  name  = "wake"
  role  = aws_iam_role.clock[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.this.arn] },
        { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.dead.arn] },
      ],
      [for key in var.kms_key_arn[*] : { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [key] }],
    )
  })
}

# ── Alarms ────────────────────────────────────────────────────────────────────────────────────────────────────────────
resource "aws_cloudwatch_metric_alarm" "dead" {
  alarm_name          = "${local.name}-dead-letters"
  alarm_description   = "${var.function} could not do something that it was asked for, and nobody tries it again: `trimtab replay ${var.function} --dry-run` names what lies in ${aws_sqs_queue.dead.name}; mend the cause, then hand it back without --dry-run."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic]
  ok_actions          = [var.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.name}-errors"
  alarm_description   = "${var.function} fails again and again: its log group ${aws_cloudwatch_log_group.this.name} says why."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 6
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic]
  ok_actions          = [var.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "age" {
  count               = var.queue == null ? 0 : 1
  alarm_name          = "${local.name}-age"
  alarm_description   = "A message of ${var.function} waits for over two hours: it fails, is throttled, or too much comes."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.this[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 7200
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic]
  ok_actions          = [var.alarm_topic]
}
