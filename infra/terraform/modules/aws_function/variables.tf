variable "prefix" {
  description = "What every name begins with."
  type        = string
}

variable "function" {
  description = "Which function this is: the folder below functions/."
  type        = string
}

variable "size" {
  description = "What it gets: memory_mb, disk_mb, timeout_s, concurrency (runs at once)."
  type        = object({ memory_mb = number, disk_mb = number, timeout_s = number, concurrency = number })
}

variable "architecture" {
  description = "x86_64 or arm64, as its bundle was built."
  type        = string
}

variable "runtime" {
  description = "Python of the bundle."
  type        = string
}

variable "bundle" {
  description = "The object that holds the code, and its hash."
  type        = object({ bucket = string, key = string, hash = string })
}

variable "code_signing_arn" {
  description = "Code signing configuration that its code must satisfy; null = none."
  type        = string
  default     = null
}

variable "layers" {
  description = "Lambda layers."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "rights" {
  description = "What its role may do; nothing else is allowed."
  type        = list(object({ actions = list(string), resources = list(string) }))
}

variable "is_reserved" {
  description = "Whether its concurrency is reserved from the account's."
  type        = bool
}

variable "network" {
  description = "Subnets and security groups that it runs in; null = no VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null
}

variable "queue" {
  description = "The queue that wakes it: batch (messages a call), deliveries (before a message is dead), buckets (ARNs of those that may send). null = none."
  type        = object({ batch = number, deliveries = number, buckets = list(string) })
  default     = null
}

variable "schedule" {
  description = "When the clock wakes it: a cron() or rate() of EventBridge Scheduler, in UTC; null = never."
  type        = string
  default     = null
}

variable "schedule_group" {
  description = "Group of schedules that this one is in."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of queues and logs; null = AWS's own."
  type        = string
  default     = null
}

variable "log_days" {
  description = "Days that its logs are kept."
  type        = number
}

variable "alarm_topic" {
  description = "ARN of the topic that its alarms go to."
  type        = string
}
