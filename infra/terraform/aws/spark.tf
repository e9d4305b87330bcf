# Bills that are too large for one function. Jobs start by the clock and end when nothing waits; between them the application costs nothing.
resource "aws_emrserverless_application" "this" {
  count         = var.spark == null ? 0 : 1
  name          = var.prefix
  type          = "spark"
  release_label = var.spark.release
  architecture  = var.architecture == "arm64" ? "ARM64" : "X86_64"

  image_configuration {
    image_uri = var.spark.image
  }

  maximum_capacity {
    cpu    = "${var.spark.most_vcpus} vCPU"
    memory = "${4 * var.spark.most_vcpus} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }

  dynamic "network_configuration" {
    for_each = var.network[*]
    content {
      subnet_ids         = network_configuration.value.subnet_ids
      security_group_ids = network_configuration.value.security_group_ids
    }
  }
}

resource "aws_iam_role" "spark" {
  count = var.spark == null ? 0 : 1
  name  = "${var.prefix}-spark"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "emr-serverless.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = aws_emrserverless_application.this[0].arn }
      }
    }]
  })
}

# The rights of `ingest`, whose work it finishes, on the messages that `ingest` left for it.
resource "aws_iam_role_policy" "spark" {
  count = var.spark == null ? 0 : 1
  name  = "rights"
  role  = aws_iam_role.spark[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for right in local.resolved["ingest"] : { Effect = "Allow", Action = right.actions, Resource = right.resources }],
      [
        { Effect = "Allow", Action = ["s3:PutObject"], Resource = ["${local.places.ledger}done/spark/*"] },
        { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = ["${local.places.store}spark/*"] },
      ],
      [for url in [var.spark.script] : { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:${local.partition}:s3:::${trimprefix(url, "s3://")}"] } if startswith(url, "s3://")],
      [for key in local.key_arn[*] : { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [key] }],
    )
  })
}

resource "aws_scheduler_schedule" "spark" {
  #checkov:skip=CKV_AWS_297:it carries the names of files
  count               = var.spark == null ? 0 : 1
  name                = "${var.prefix}-spark"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = var.spark.schedule
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:emrserverless:startJobRun"
    role_arn = aws_iam_role.spark_clock[0].arn
    # As in modules/aws_function: the scheduler knows its words by < and >.
    input = replace(replace(jsonencode({
      ApplicationId    = aws_emrserverless_application.this[0].id
      ClientToken      = "<aws.scheduler.execution-id>"
      ExecutionRoleArn = aws_iam_role.spark[0].arn
      JobDriver = { SparkSubmit = {
        EntryPoint            = var.spark.script
        SparkSubmitParameters = join(" ", [for name, value in local.environment["ingest"] : "--conf spark.emr-serverless.driverEnv.${name}=${value}"])
      } }
    }), "\\u003c", "<"), "\\u003e", ">")
  }
}

resource "aws_iam_role" "spark_clock" {
  count = var.spark == null ? 0 : 1
  name  = "${var.prefix}-spark-clock"
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

resource "aws_iam_role_policy" "spark_clock" {
  count = var.spark == null ? 0 : 1
  name  = "start"
  role  = aws_iam_role.spark_clock[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["emr-serverless:StartJobRun"], Resource = [aws_emrserverless_application.this[0].arn] },
      {
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.spark[0].arn]
        Condition = { StringEquals = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } }
      },
    ]
  })
}
