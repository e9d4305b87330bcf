# Settings and secrets. Values of secrets never pass through Terraform: it makes the empty secret, you put the value in.
locals {
  known_secrets = distinct(flatten([for each in local.rights : each.secrets]))
  settings      = merge(var.settings, { tenant = var.tenant, has_spark = var.spark != null, meters_namespace = "Trimtab/${var.prefix}" })
  # `collect` reads no repo, so it gets none, and no forge's key with it; `receive` needs to know whose tokens of Azure count, at once.
  settings_of = {
    all     = local.settings
    collect = { for name, value in local.settings : name => value if !contains(["repositories", "github", "gitlab"], name) }
  }
  receive_settings = jsonencode({ for name, value in local.settings : name => value if contains(["tenant", "azure_entra"], name) })

  # Who holds no key of the forge reads `.trimtab/` as `verify` left it in the store.
  without_forge = toset([for name, each in local.rights : name if !contains(["receive", "collect"], name) && !contains(each.secrets, "github_writer_key")])

  own_secrets = { for name in keys(local.table) : name => setintersection(local.rights[name].secrets, var.secrets) }
  environment = { for name in keys(local.table) : name => merge(
    {
      TRIMTAB_STORE    = "s3://${local.store.name}"
      TRIMTAB_LEDGER   = "s3://${local.ledger.name}"
      TRIMTAB_SETTINGS = name == "receive" ? local.receive_settings : local.settings_arns[name]
    },
    contains(local.without_forge, name) ? { TRIMTAB_RULES_FROM = "store" } : {},
    { for secret in local.own_secrets[name] : "TRIMTAB_${upper(secret)}" => aws_secretsmanager_secret.this[secret].arn },
  ) }
  settings_arns = { for name in keys(local.table) : name => aws_secretsmanager_secret.settings[name == "collect" ? name : "all"].arn }
}

# In Secrets Manager because a function's environment holds 4 KB, and every cluster may be named here; nothing in it is secret.
resource "aws_secretsmanager_secret" "settings" {
  #checkov:skip=CKV2_AWS_57:settings are changed by applying, not by rotation
  for_each                = local.settings_of
  name                    = "${var.prefix}/settings/${each.key}"
  description             = "Deployment settings, written by Terraform"
  kms_key_id              = local.key_arn
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "settings" {
  for_each      = local.settings_of
  secret_id     = aws_secretsmanager_secret.settings[each.key].id
  secret_string = jsonencode(each.value)
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:senders and forges issue them; a person rotates both ends, and the functions take the new one within minutes
  for_each                = var.secrets
  name                    = "${var.prefix}/${each.value}"
  description             = "TRIMTAB_${upper(each.value)}; put the value in by hand"
  kms_key_id              = local.key_arn
  recovery_window_in_days = 7
}
