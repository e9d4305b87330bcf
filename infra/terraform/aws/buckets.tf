# The store (lake, documents, drops, exports) and, apart from it, the ledger: what is in it was created once.
locals {
  name_end = "${local.account}-${var.region}"
  ledger   = { name = "${var.prefix}-ledger-${local.name_end}", arn = "arn:${local.partition}:s3:::${var.prefix}-ledger-${local.name_end}" }
  store    = { name = "${var.prefix}-store-${local.name_end}", arn = "arn:${local.partition}:s3:::${var.prefix}-store-${local.name_end}" }
}

module "ledger" {
  source      = "../modules/aws_bucket"
  name        = local.ledger.name
  kms_key_arn = local.key_arn
  object_lock = var.ledger_lock
  # Requests and their marks end, streams never do; a mark outlives its request, which would be served again without it.
  expiry = {
    "${var.tenant}/inbox/" = var.request_days
    "${var.tenant}/done/"  = var.request_days + 30
  }
  # What was deleted here, a person who was erased before all, is gone a month later. An old version of the record would be evidence: it stays.
  old_versions = { for folder in ["inbox", "done", "people"] : "${var.tenant}/${folder}/" => 30 }
  statements = [
    {
      Sid       = "CreateOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${local.ledger.arn}/*"
      Condition = { Null = { "s3:if-none-match" = "true" } }
    },
    {
      Sid         = "TheRecordStays"
      Effect      = "Deny"
      Principal   = "*"
      Action      = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:PutObjectRetention", "s3:ReplicateDelete", "s3:ReplicateObject", "s3:RestoreObject"]
      NotResource = concat([local.ledger.arn], [for folder in ["inbox", "done", "people"] : "${local.ledger.arn}/${var.tenant}/${folder}/*"])
    },
  ]
}

module "store" {
  source      = "../modules/aws_bucket"
  name        = local.store.name
  kms_key_arn = local.key_arn
  # docs/ never expires: verdicts in the ledger name what they were made from, in docs/inputs/.
  # What a Spark job leaves below spark/ is scratch.
  expiry = { "usage/" = var.drop_days, "${var.tenant}/spark/" = 1 }
  # The lake writes no file twice, and tidies by itself: here is only what was removed from it.
  old_versions = { "" = 30, "${var.tenant}/lake/" = 7 }
  statements = concat(
    [for folder, arn in var.collectors : {
      Sid       = "Collector${replace(title(replace(folder, "/[^A-Za-z0-9]+/", " ")), " ", "")}"
      Effect    = "Allow"
      Principal = { AWS = arn }
      Action    = "s3:PutObject"
      Resource  = "${local.store.arn}/usage/${folder}/*"
      Condition = { Null = { "s3:if-none-match" = "false" } }
    }],
    [for statement in length(var.exports_from) == 0 ? [] : [{
      Sid       = "DataExports"
      Effect    = "Allow"
      Principal = { Service = ["bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"] }
      Action    = ["s3:PutObject"]
      Resource  = "${local.store.arn}/exports/*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.exports_from }
        ArnLike = {
          "aws:SourceArn" = flatten([for account in var.exports_from : [
            "arn:${local.partition}:cur:us-east-1:${account}:definition/*",
            "arn:${local.partition}:bcm-data-exports:us-east-1:${account}:export/*",
          ]])
        }
      }
      }, {
      Sid       = "DataExportsLook"
      Effect    = "Allow"
      Principal = { Service = ["bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"] }
      Action    = ["s3:GetBucketPolicy", "s3:GetBucketAcl"]
      Resource  = local.store.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.exports_from } }
    }] : statement],
  )
}

# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────────────────
# A bucket has one list of them, and this replaces it: so only our own buckets are named here, never one that exports lie in already.
resource "aws_s3_bucket_notification" "ledger" {
  bucket = module.ledger.name
  dynamic "queue" {
    for_each = merge([for name, each in local.table : { for prefix in each.inbox : prefix => name }]...)
    content {
      id            = trimsuffix(replace(queue.key, "/[^a-z]+/", "-"), "-")
      queue_arn     = module.function[queue.value].queue_arn
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = "${var.tenant}/inbox/${queue.key}"
    }
  }
}

resource "aws_s3_bucket_notification" "store" {
  bucket = module.store.name
  dynamic "queue" {
    # What completes a delivery; the data files before it wake nobody.
    for_each = merge([for name, each in local.table : each.drops ? {
      usage     = { function = name, prefix = "usage/", suffix = "/_complete.json" }
      aws       = { function = name, prefix = "exports/", suffix = "-Manifest.json" }
      azure     = { function = name, prefix = "exports/", suffix = "manifest.json" }
      elsewhere = { function = name, prefix = "exports/", suffix = "/_trimtab_complete.json" }
    } : {}]...)
    content {
      id            = queue.key
      queue_arn     = module.function[queue.value.function].queue_arn
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = queue.value.prefix
      filter_suffix = queue.value.suffix
    }
  }
}
