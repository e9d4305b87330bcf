# One key for everything at rest, where one is wanted. Services that write here on others' behalf may use it for this account alone.
locals {
  key_arn  = one(aws_kms_key.this[*].arn)
  key_uses = ["kms:Decrypt", "kms:GenerateDataKey*"]
}

resource "aws_kms_key" "this" {
  count               = var.own_key ? 1 : 0
  description         = "${var.prefix}: buckets, queues, topics, secrets and logs"
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "TheAccountDecides"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "NoticesAndExports"
        Effect    = "Allow"
        Principal = { Service = ["s3.amazonaws.com", "sns.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com", "cloudwatch.amazonaws.com", "bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"] }
        Action    = local.key_uses
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = distinct(concat([local.account], var.exports_from)) } }
      },
      {
        Sid       = "OurLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = concat(local.key_uses, ["kms:Encrypt", "kms:ReEncrypt*", "kms:DescribeKey"])
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:*" } }
      },
      ], length(var.collectors) == 0 ? [] : [{
        Sid       = "Collectors"
        Effect    = "Allow"
        Principal = { AWS = distinct(values(var.collectors)) }
        Action    = ["kms:GenerateDataKey"]
        Resource  = "*"
    }])
  })
}

resource "aws_kms_alias" "this" {
  count         = var.own_key ? 1 : 0
  name          = "alias/${var.prefix}"
  target_key_id = aws_kms_key.this[0].key_id
}
