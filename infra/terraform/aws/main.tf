# Nine functions from one module, each with a role of its own. What they are is in functions.json, what they may do in rights.json;
# a function that leaves both leaves nothing behind.
data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  rights    = jsondecode(file("${path.module}/rights.json"))

  table = { for name, each in jsondecode(file("${path.module}/functions.json")) : name => {
    size = {
      memory_mb = each.memory_mb, disk_mb = each.disk_mb, timeout_s = each.timeout_s, concurrency = each.concurrency
    }
    schedule = try(each.schedule, null)
    inbox    = try(each.inbox, [])
    batch    = try(each.batch, 1)
    drops    = try(each.drops, false)
  } }
}

module "function" {
  source   = "../modules/aws_function"
  for_each = local.table

  prefix           = var.prefix
  function         = each.key
  size             = each.value.size
  architecture     = var.architecture
  runtime          = var.runtime
  bundle           = { bucket = aws_s3_object.bundle[each.key].bucket, key = aws_s3_object.bundle[each.key].key, hash = local.hashes[each.key] }
  code_signing_arn = one(aws_lambda_code_signing_config.this[*].arn)
  layers           = each.key == "receive" ? [var.secrets_extension_layer] : []
  environment      = local.environment[each.key]
  rights           = local.resolved[each.key]
  is_reserved      = var.reserve_concurrency
  network          = each.key == "receive" ? null : var.network
  queue = length(each.value.inbox) == 0 ? null : {
    batch      = each.value.batch
    deliveries = 10
    buckets    = concat([module.ledger.arn], each.value.drops ? [module.store.arn] : [])
  }
  schedule       = lookup(var.schedules, each.key, each.value.schedule)
  schedule_group = aws_scheduler_schedule_group.this.name
  kms_key_arn    = local.key_arn
  log_days       = var.log_days
  alarm_topic    = aws_sns_topic.alarms.arn
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.prefix
}

# ── Code ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
locals {
  hashes = { for name in keys(local.table) : name => filebase64sha256("${var.bundles}/${name}.zip") }
}

# Through the bucket, because Lambda takes no more than 50 MB by itself. No function may write there.
resource "aws_s3_object" "bundle" {
  for_each    = local.table
  bucket      = module.store.name
  key         = "bundles/${each.key}.zip"
  source      = "${var.bundles}/${each.key}.zip"
  source_hash = local.hashes[each.key]
}

resource "aws_lambda_code_signing_config" "this" {
  count       = length(var.signing_profiles) == 0 ? 0 : 1
  description = "${var.prefix}: code of a release"
  allowed_publishers {
    signing_profile_version_arns = var.signing_profiles
  }
  policies {
    untrusted_artifact_on_deployment = "Enforce"
  }
}
