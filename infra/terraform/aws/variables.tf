variable "region" {
  description = "AWS region of everything here."
  type        = string
}

variable "prefix" {
  description = "What every name begins with; two deployments in one account differ in it."
  type        = string
  default     = "trimtab"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.prefix))
    error_message = "prefix: 2 to 21 small letters, digits and hyphens, a letter first; bucket names are made of it."
  }
}

variable "tags" {
  description = "Tags of everything, beside `trimtab`."
  type        = map(string)
  default     = {}
}

variable "tenant" {
  description = "The tenant: the first folder of both buckets."
  type        = string
  default     = "default"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,62}$", var.tenant))
    error_message = "tenant: small letters, digits and hyphens, a letter first."
  }
}

variable "bundles" {
  description = "Folder with one zip for each function, as `make bundle` leaves them."
  type        = string
  default     = "../../../dist/aws"
}

variable "architecture" {
  description = "What the bundles were built for: x86_64 or arm64."
  type        = string
  default     = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture: x86_64 or arm64."
  }
}

variable "runtime" {
  description = "The Python that the bundles were built for."
  type        = string
  default     = "python3.12"
  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime: python3.11, python3.12 or python3.13."
  }
}

variable "signing_profiles" {
  description = "Versions (ARNs) of AWS Signer profiles; where some are named, code that none of them signed is not deployed."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for arn in var.signing_profiles : can(regex("^arn:aws[a-z-]*:signer:[^:]+:[0-9]{12}:/signing-profiles/[^/]+/[^/]+$", arn))])
    error_message = "signing_profiles: ARNs of profile versions, arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION."
  }
}

variable "secrets_extension_layer" {
  description = "ARN, with its version, of AWS's Parameters and Secrets Lambda Extension for this region and architecture; `receive` gets its secrets through it."
  type        = string
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[^:]+:[0-9]{12}:layer:AWS-Parameters-and-Secrets-Lambda-Extension[A-Za-z0-9-]*:[0-9]+$", var.secrets_extension_layer))
    error_message = "secrets_extension_layer: arn:aws:lambda:REGION:ACCOUNT:layer:AWS-Parameters-and-Secrets-Lambda-Extension[-Arm64]:VERSION; AWS's page of the extension lists one for each region."
  }
}

variable "settings" {
  description = "The deployment settings (shared/trimtab/settings.py) but for store, ledger, tenant and secrets, which are made here."
  type        = any
  default     = {}
  validation {
    condition     = length(setintersection(keys(var.settings), ["store", "ledger", "tenant", "clock", "mounts", "is_demo", "config_dir", "has_spark", "meters_namespace"])) == 0
    error_message = "settings: store, ledger, tenant, has_spark and meters_namespace are set here; clock, mounts, is_demo and config_dir are for stores on disk."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), local.known_secrets)) == 0
    error_message = "settings: a secret may not stand here; name it in `secrets`, and put its value into Secrets Manager."
  }
}

variable "secrets" {
  description = "Names of the secrets that are in use, as in settings.py (slack_token, github_writer_key …). Each gets an empty secret; you put its value in."
  type        = set(string)
  default     = []
  validation {
    condition     = length(setsubtract(var.secrets, local.known_secrets)) == 0
    error_message = "secrets: only names of rights.json: ${join(", ", sort(local.known_secrets))}."
  }
}

variable "schedules" {
  description = "Function => schedule expression in place of the one in functions.json. `verify` must run every five minutes, on the hour too."
  type        = map(string)
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.schedules), [for name, each in local.table : name if each.schedule != null])) == 0
    error_message = "schedules: only functions that the clock wakes."
  }
}

variable "reserve_concurrency" {
  description = "Reserve each function's concurrency, so that `propose` runs one at a time and nobody starves `receive`. It needs an account limit of about 150; new accounts start with 10."
  type        = bool
  default     = true
}

variable "network" {
  description = "Subnets and security groups for every function but `receive`, to reach a Palette, forge or Prometheus inside; null = no VPC. They must let out to S3, SQS, Secrets Manager and whatever is called."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null
}

variable "own_key" {
  description = "Encrypt buckets, queues, topics, secrets and logs with a KMS key made here; else with AWS's own keys."
  type        = bool
  default     = false
}

variable "ledger_lock" {
  description = "Object Lock of the ledger, for good: mode GOVERNANCE or COMPLIANCE, and days. Until they are over nobody can erase a person either, but in GOVERNANCE with s3:BypassGovernanceRetention."
  type        = object({ mode = string, days = number })
  default     = null
  validation {
    condition     = var.ledger_lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.ledger_lock.mode) && var.ledger_lock.days > 0
    error_message = "ledger_lock: mode GOVERNANCE or COMPLIANCE, and days over 0."
  }
}

variable "request_days" {
  description = "Days that raw requests (clicks, webhooks, ticks) are kept; approvals are proved with them, so longer than a proposal may wait. Their done marks stay 30 days more."
  type        = number
  default     = 90
  validation {
    condition     = var.request_days >= 60
    error_message = "request_days: at least 60, or an approval could outlive the click that proves it."
  }
}

variable "drop_days" {
  description = "Days that usage drops are kept after they were read into the lake."
  type        = number
  default     = 400
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90
  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "log_days: one of CloudWatch's: 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}

variable "collectors" {
  description = "Cluster's folder below usage/, <name>-<Palette uid> => ARN of the role or user of its collector, which may create objects there and nothing else."
  type        = map(string)
  default     = {}
}

variable "exports_from" {
  description = "Accounts whose AWS Data Exports may be delivered to exports/ of the store; [] = none."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for account in var.exports_from : can(regex("^[0-9]{12}$", account))])
    error_message = "exports_from: account numbers of 12 digits."
  }
}

variable "webhook_rate" {
  description = "Requests a second that each webhook path takes, and how many at once; above that the caller gets 429."
  type        = object({ per_second = number, burst = number })
  default     = { per_second = 20, burst = 40 }
}

variable "alarm_emails" {
  description = "Addresses that alarms go to; each must confirm once."
  type        = set(string)
  default     = []
}

variable "budgets" {
  description = "AWS budgets whose notices reach `alert`: name => amount a month, thresholds in percent, and what they are of (dimension or tag => values)."
  type = map(object({
    amount     = number
    currency   = optional(string, "USD")
    thresholds = optional(list(number), [80, 100])
    filters    = optional(map(list(string)), {})
  }))
  default = {}
}

variable "anomalies_above" {
  description = "Tell `alert` of cost anomalies with an impact of so many dollars and more, by service; null = no monitor is made."
  type        = number
  default     = null
}

variable "spark" {
  description = "An EMR Serverless application for bills that are too large for `ingest`: its image in ECR (this package with the extras ingest and aws, and sqlglot), the URL of functions/ingest/spark.py (s3:// or local://), when it looks for work, and how large it may grow. null = none, and such bills are refused by name."
  type = object({
    release    = optional(string, "emr-spark-8.0")
    image      = string
    script     = string
    schedule   = optional(string, "cron(45 * * * ? *)")
    most_vcpus = optional(number, 32)
  })
  default = null
}
