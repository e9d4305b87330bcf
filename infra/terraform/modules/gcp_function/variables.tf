variable "project" {
  description = "Id of the project."
  type        = string
}

variable "region" {
  description = "Region of the function, its images and its schedule."
  type        = string
}

variable "prefix" {
  description = "What every name begins with."
  type        = string
}

variable "function" {
  description = "Which function this is: the folder below functions/."
  type        = string
}

variable "size" {
  description = "What it gets: memory_mb (files in /tmp count), cpus, timeout_s, instances (runs at once)."
  type        = object({ memory_mb = number, cpus = number, timeout_s = number, instances = number })
  validation {
    condition     = var.size.timeout_s <= 570
    error_message = "size: timeout_s: at most 570; Pub/Sub waits 600 seconds for an answer, then it brings the message again while the first run still works."
  }
}

variable "runtime" {
  description = "Python of the bundle."
  type        = string
}

variable "bundle" {
  description = "The object that holds the code."
  type        = object({ bucket = string, object = string })
}

variable "repository" {
  description = "Artifact Registry repository that its image is kept in."
  type        = string
}

variable "builder" {
  description = "Service account (projects/…/serviceAccounts/…) that builds the image."
  type        = string
}

variable "service_account" {
  description = "E-mail of the service account that it runs as."
  type        = string
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "secrets" {
  description = "Environment variable => the secret that holds its value, and which version."
  type        = map(object({ secret = string, version = string }))
}

variable "ingress" {
  description = "Where calls may come from: ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  type        = string
}

variable "network" {
  description = "Serverless VPC Access connector; null = none."
  type        = string
  default     = null
}

variable "caller" {
  description = "E-mail of the service account that its messages come with."
  type        = string
}

variable "pubsub_agent" {
  description = "E-mail of Pub/Sub's own service account in this project: it moves messages to the dead letters."
  type        = string
}

variable "subscriptions" {
  description = "Name => topic whose messages wake it, which of them (a filter over attributes; null = all), and the pattern that the name of their object must match (null = any)."
  type        = map(object({ topic = string, filter = optional(string), objects = optional(string) }))
}

variable "schedule" {
  description = "When the clock wakes it: unix cron, in UTC; null = never."
  type        = string
  default     = null
}

variable "deliveries" {
  description = "Times that a message is brought before it is dead, 5 to 100; being too busy to take it counts as one."
  type        = number
}

variable "is_alarmed_by_age" {
  description = "Whether a message that waits for over two hours is an alarm."
  type        = bool
}

variable "channels" {
  description = "Notification channels that its alarms go to."
  type        = list(string)
}
