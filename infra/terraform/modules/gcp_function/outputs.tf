output "name" {
  description = "Name of the function, and of the Cloud Run service that it is."
  value       = google_cloudfunctions2_function.this.name
}

output "uri" {
  description = "Where it is called."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}

output "dead_letters" {
  description = "Subscription of its dead letters; null = it takes no messages."
  value       = one(google_pubsub_subscription.dead[*].name)
}
