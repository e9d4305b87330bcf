# rights.json in words of AWS. "ledger:", "store:" and "usage:" are keys of the two buckets; what has no place here allows nothing.
locals {
  places = {
    ledger = "${local.ledger.arn}/${var.tenant}/"
    store  = "${local.store.arn}/${var.tenant}/"
    usage  = "${local.store.arn}/usage/"
  }
  exports   = try(var.settings.exports, [])
  metrics   = try(var.settings.metrics, [])
  own_reads = [for export in local.exports : export.prefix if startswith(export.prefix, "s3://") && try(export.identity, null) == null]
  anchor    = try(trimsuffix(trimprefix(var.settings.anchor, "s3://"), "/"), null)

  named = {
    "ledger:bucket" = [local.ledger.arn]
    "store:bucket"  = [local.store.arn]
    "exports" = distinct(flatten([for prefix in local.own_reads : [
      "arn:${local.partition}:s3:::${split("/", prefix)[2]}",
      "arn:${local.partition}:s3:::${trimsuffix(trimprefix(prefix, "s3://"), "/")}/*",
    ]]))
    "exports:roles" = distinct([for export in local.exports : export.identity if try(export.identity, null) != null])
    "metrics:roles" = distinct([for endpoint in local.metrics : endpoint.identity if try(endpoint.identity, null) != null])
    "metrics:workspaces" = distinct([
      for found in [
        for endpoint in local.metrics : try(regex("^https://aps-workspaces[.]([a-z0-9-]+)[.]amazonaws[.]com/workspaces/(ws-[A-Za-z0-9-]+)", endpoint.url), null)
        if try(endpoint.auth, "none") == "aws" && try(endpoint.identity, null) == null
      ] : "arn:${local.partition}:aps:${found[0]}:${local.account}:workspace/${found[1]}" if found != null
    ])
    "anchor"     = [for place in local.anchor[*] : "arn:${local.partition}:s3:::${place}/${var.tenant}/anchors/*"]
    "kms:writer" = [for app in ["writer"] : var.settings.github[app].kms_key if try(var.settings.github[app].kms_key, null) != null]
    "kms:gate"   = [for app in ["gate"] : var.settings.github[app].kms_key if try(var.settings.github[app].kms_key, null) != null]
  }

  resolved = { for name in keys(local.table) : name => [
    for right in local.asked[name] : right if length(right.resources) > 0
  ] }
  asked = { for name in keys(local.table) : name => [
    for right in local.rights[name].rights : {
      actions = right.actions
      resources = flatten([for place in right.on :
        place == "secrets" ? local.readable[name] : lookup(local.named, place, null) != null ? local.named[place] :
        ["${local.places[split(":", place)[0]]}${split(":", place)[1]}"]
      ])
    }
  ] }
  readable = { for name in keys(local.table) : name => concat(
    name == "receive" ? [] : [local.settings_arns[name]],
    [for secret in local.own_secrets[name] : aws_secretsmanager_secret.this[secret].arn],
  ) }
}

# For people: what `trimtab status`, `resume`, `stop`, `erase` and a replay need. Attach it to whoever operates.
resource "aws_iam_policy" "operator" {
  name        = "${var.prefix}-operator"
  description = "Permit, erasure and dead letters of ${var.prefix}"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [local.ledger.arn, local.store.arn] },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${local.ledger.arn}/${var.tenant}/*", "${local.store.arn}/${var.tenant}/*"] },
      { Effect = "Allow", Action = ["s3:PutObject"], Resource = [for folder in ["permit", "people", "streams/people", "streams/access", "inbox/again"] : "${local.places.ledger}${folder}/*"] },
      { Effect = "Allow", Action = ["s3:DeleteObject"], Resource = ["${local.places.ledger}people/*", "${local.places.ledger}inbox/*"] },
      {
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = [for each in module.function : each.dead_queue.arn]
      },
      {
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
        Resource = [for each in module.function : each.queue_arn if each.queue_arn != null]
      },
      ],
      [for key in local.key_arn[*] : { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [key] }],
    )
  })
}
