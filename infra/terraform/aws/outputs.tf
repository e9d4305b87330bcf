output "webhooks" {
  description = "What to paste where: sender => URL. A sender without its secret in `secrets` has none. Azure's ends with ?token=… where a secret was chosen."
  value       = { for sender in keys(local.senders) : sender => "${aws_apigatewayv2_api.this.api_endpoint}/${sender}" }
}

output "store" {
  description = "URL of the store: `--store`, and the collector's."
  value       = "s3://${module.store.name}"
}

output "ledger" {
  description = "URL of the ledger: `--ledger`."
  value       = "s3://${module.ledger.name}"
}

output "exports" {
  description = "Where billing exports are delivered to, and what `prefix` in settings.exports begins with."
  value       = "s3://${module.store.name}/exports/"
}

output "secrets" {
  description = "Names of the secrets to put values into: aws secretsmanager put-secret-value --secret-id NAME --secret-string file://…"
  value       = sort([for each in aws_secretsmanager_secret.this : each.name])
}

output "roles" {
  description = "Function => ARN of its role: what trust policies of export buckets, metric workspaces and the anchor name."
  value       = { for name, each in module.function : name => each.role_arn }
}

output "functions" {
  description = "Function => name in AWS."
  value       = { for name, each in module.function : name => each.name }
}

output "dead_letters" {
  description = "Function => queue of its dead letters."
  value       = { for name, each in module.function : name => each.dead_queue.name }
}

output "topics" {
  description = "Topics that other budgets and anomaly subscriptions of this account may publish to, and the one that alarms go to."
  value       = merge({ for name, each in aws_sns_topic.notices : name => each.arn }, { alarms = aws_sns_topic.alarms.arn })
}

output "operator_policy" {
  description = "ARN of the policy for people who resume, erase and redrive."
  value       = aws_iam_policy.operator.arn
}
