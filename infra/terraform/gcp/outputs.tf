output "webhooks" {
  description = "What to paste where: sender => URL. A sender without its secret in `secrets` has none. Azure's ends with ?token=… where a secret was chosen."
  value       = { for sender in keys(local.senders) : sender => "${var.domain == null ? module.function["receive"].uri : "https://${var.domain}"}/${sender}" }
}

output "address" {
  description = "Where DNS of `domain` must point to; null = no domain."
  value       = one(google_compute_global_address.webhooks[*].address)
}

output "store" {
  description = "URL of the store: `--store`, and the collector's."
  value       = "gs://${module.store.name}"
}

output "ledger" {
  description = "URL of the ledger: `--ledger`."
  value       = "gs://${module.ledger.name}"
}

output "secrets" {
  description = "Names of the secrets to put values into: gcloud secrets versions add NAME --data-file=…"
  value       = sort([for each in google_secret_manager_secret.this : each.secret_id])
}

output "service_accounts" {
  description = "Function => its service account: what foreign buckets, metric projects and the anchor name."
  value       = { for name, each in google_service_account.function : name => each.email }
}

output "functions" {
  description = "Function => name in Google Cloud."
  value       = { for name, each in module.function : name => each.name }
}

output "dead_letters" {
  description = "Function => subscription of its dead letters."
  value       = { for name, each in module.function : name => each.dead_letters if each.dead_letters != null }
}

output "topic" {
  description = "Topic that other budgets may publish to."
  value       = google_pubsub_topic.notices.id
}
