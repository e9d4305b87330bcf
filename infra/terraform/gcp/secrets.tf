# Settings and secrets. Values of secrets never pass through Terraform: it makes the empty secret, you put the value in.
locals {
  known_secrets = distinct(flatten([for each in local.rights : each.secrets]))
  settings = merge(var.settings, {
    tenant    = var.tenant
    has_spark = var.spark != null
    exports   = concat(try(var.settings.exports, []), local.exports)
  })
  # `collect` reads no repo, so it gets none, and no forge's key with it; `receive` needs to know whose tokens of Azure count, at once.
  settings_of = {
    all     = local.settings
    collect = { for name, value in local.settings : name => value if !contains(["repositories", "github", "gitlab"], name) }
  }
  receive_settings = { for name, value in local.settings : name => value if contains(["tenant", "azure_entra"], name) }

  # Who holds no key of the forge reads `.trimtab/` as `verify` left it in the store.
  without_forge = toset([for name, each in local.rights : name if !contains(["receive", "collect"], name) && !contains(each.secrets, "github_writer_key")])
  urls          = { TRIMTAB_STORE = "gs://${module.store.name}", TRIMTAB_LEDGER = "gs://${module.ledger.name}" }
  environment   = { for name in keys(local.table) : name => merge(local.urls, contains(local.without_forge, name) ? { TRIMTAB_RULES_FROM = "store" } : {}) }

  own_secrets  = { for name in keys(local.table) : name => setintersection(local.rights[name].secrets, var.secrets) }
  settings_for = { for name in keys(local.table) : name => contains(keys(local.all_settings), name) ? name : "all" }
  all_settings = merge(local.settings_of, { receive = local.receive_settings })
  secret_environment = { for name in keys(local.table) : name => merge(
    { TRIMTAB_SETTINGS = {
      secret = google_secret_manager_secret.settings[local.settings_for[name]].secret_id, version = google_secret_manager_secret_version.settings[local.settings_for[name]].version
    } },
    # "latest" is the newest when an instance starts; another version named here is another revision, and counts at once.
    { for secret in local.own_secrets[name] : "TRIMTAB_${upper(secret)}" => { secret = google_secret_manager_secret.this[secret].secret_id, version = lookup(var.secret_versions, secret, "latest") } },
  ) }
  readable = merge(
    { for name in keys(local.table) : "${name} settings" => { function = name, secret = google_secret_manager_secret.settings[local.settings_for[name]].secret_id } },
    merge([for name in keys(local.table) : { for secret in local.own_secrets[name] : "${name} ${secret}" => { function = name, secret = google_secret_manager_secret.this[secret].secret_id } }]...),
  )
}

# In Secret Manager because a function's environment holds 32 KB, and thousands of clusters are named here; nothing in it is secret.
resource "google_secret_manager_secret" "settings" {
  for_each  = local.all_settings
  secret_id = "${var.prefix}-settings-${each.key}"
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "settings" {
  for_each    = local.all_settings
  secret      = google_secret_manager_secret.settings[each.key].id
  secret_data = jsonencode(each.value)
}

resource "google_secret_manager_secret" "this" {
  for_each  = var.secrets
  secret_id = "${var.prefix}-${replace(each.value, "_", "-")}"
  replication {
    auto {}
  }
  version_destroy_ttl = "${7 * 24 * 3600}s"
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each  = local.readable
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
