variable "project" {
  description = "Id of the Google Cloud project of everything here."
  type        = string
}

variable "region" {
  description = "Region of functions, buckets and schedules; buckets must be where BigQuery may export to."
  type        = string
}

variable "prefix" {
  description = "What every name begins with; two deployments in one project differ in it."
  type        = string
  default     = "trimtab"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.prefix))
    error_message = "prefix: 2 to 21 small letters, digits and hyphens, a letter first; names of buckets and service accounts are made of it."
  }
}

variable "labels" {
  description = "Labels of everything, beside `trimtab`."
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
  default     = "../../../dist/gcp"
}

variable "runtime" {
  description = "The Python that the bundles were built for."
  type        = string
  default     = "python312"
  validation {
    condition     = contains(["python311", "python312", "python313"], var.runtime)
    error_message = "runtime: python311, python312 or python313."
  }
}

variable "settings" {
  description = "The deployment settings (shared/trimtab/settings.py) but for store, ledger, tenant and secrets, which are made here; the exports of `billing_exports` are added to its exports."
  type        = any
  default     = {}
  validation {
    condition     = length(setintersection(keys(var.settings), ["store", "ledger", "tenant", "clock", "mounts", "is_demo", "config_dir", "has_spark", "meters_namespace"])) == 0
    error_message = "settings: store, ledger, tenant and has_spark are set here; clock, mounts, is_demo and config_dir are for stores on disk; meters_namespace is CloudWatch's."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), local.known_secrets)) == 0
    error_message = "settings: a secret may not stand here; name it in `secrets`, and put its value into Secret Manager."
  }
  validation {
    condition     = length(jsonencode(var.settings)) < 60000
    error_message = "settings: more than 60,000 bytes; a secret of Secret Manager holds 64 KiB. Name clusters by metrics_url instead of one by one."
  }
}

variable "secrets" {
  description = "Names of the secrets that are in use, as in settings.py (slack_token, github_writer_key …). Each gets an empty secret; you put its value in before the functions are made."
  type        = set(string)
  default     = []
  validation {
    condition     = length(setsubtract(var.secrets, local.known_secrets)) == 0
    error_message = "secrets: only names of rights.json: ${join(", ", sort(local.known_secrets))}."
  }
}

variable "secret_versions" {
  description = "Secret => version of its value that functions get, in place of the newest when an instance starts: name the new one after a rotation, and it counts with the apply."
  type        = map(string)
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.secret_versions), var.secrets)) == 0
    error_message = "secret_versions: only names that are in secrets."
  }
}

variable "schedules" {
  description = "Function => schedule (unix cron, UTC) in place of the one in functions.json. `verify` must run every five minutes."
  type        = map(string)
  default     = {}
  validation {
    condition     = length(setsubtract(keys(var.schedules), [for name, each in local.table : name if each.schedule != null])) == 0
    error_message = "schedules: only functions that the clock wakes."
  }
}

variable "network" {
  description = "Serverless VPC Access connector for every function but `receive`, to reach a Palette, forge or Prometheus inside: projects/…/locations/…/connectors/…; null = none."
  type        = string
  default     = null
}

variable "domain" {
  description = "Name that webhooks come to, below which a load balancer with Cloud Armor limits rate and size for each path before a function runs (about $30 a month); you point its DNS at the output `address`. null = webhooks go straight to the function, whose number of instances is the only limit."
  type        = string
  default     = null
}

variable "webhook_rate" {
  description = "Requests a minute that each webhook path takes, all senders together; above that the caller gets 429. Only with `domain`."
  type        = number
  default     = 1200
}

variable "ledger_lock" {
  description = "Retention of the ledger: nothing in it is deleted or replaced for so many days. Until they are over nobody can erase a person either. With is_locked it cannot be shortened or taken away again, by nobody. The ledger keeps no old versions then, there are none."
  type        = object({ days = number, is_locked = bool })
  default     = null
  validation {
    condition     = var.ledger_lock == null ? true : var.ledger_lock.days > 0
    error_message = "ledger_lock: days over 0."
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
    condition     = var.log_days >= 1 && var.log_days <= 3650
    error_message = "log_days: 1 to 3650."
  }
}

variable "collectors" {
  description = "Cluster's folder below usage/, <name>-<Palette uid> => service account (e-mail) of its collector, which may create objects there and nothing else."
  type        = map(string)
  default     = {}
}

variable "operators" {
  description = "Who may resume, stop, erase and replay: members such as user:ada@example.com or group:…"
  type        = set(string)
  default     = []
}

variable "alarm_emails" {
  description = "Addresses that alarms go to."
  type        = set(string)
  default     = []
}

variable "billing_exports" {
  description = "Name of the export => its table in BigQuery (project.dataset.gcp_billing_export_resource_v1_…), the billing account that its rows must carry, the location of its dataset, and when it is copied to the store."
  type = map(object({
    table           = string
    billing_account = string
    location        = string
    schedule        = optional(string, "every 6 hours")
  }))
  default = {}
  validation {
    condition     = alltrue([for name, each in var.billing_exports : can(regex("^[a-z][a-z0-9-]{0,40}$", name)) && can(regex("^[a-z][a-z0-9:.-]{4,40}[.][A-Za-z0-9_]+[.]gcp_billing_export_(v1|resource_v1)_[A-F0-9_]+$", each.table))])
    error_message = "billing_exports: names of small letters, digits and hyphens; tables as project.dataset.gcp_billing_export_v1_XXXXXX_XXXXXX_XXXXXX or …_resource_v1_…."
  }
  validation {
    condition     = alltrue([for each in values(var.billing_exports) : can(regex("^[A-F0-9]{6}-[A-F0-9]{6}-[A-F0-9]{6}$", each.billing_account))])
    error_message = "billing_exports: billing_account is like 01A2B3-C4D5E6-F7A8B9."
  }
}

variable "budgets" {
  description = "Budgets whose notices reach `alert`: name => billing account, amount a month, thresholds in percent, and the projects they are of ([] = all of the account)."
  type = map(object({
    billing_account = string
    amount          = number
    currency        = string
    thresholds      = optional(list(number), [80, 100])
    projects        = optional(set(string), [])
  }))
  default = {}
  validation {
    condition     = alltrue([for each in values(var.budgets) : each.amount >= 1 && floor(each.amount) == each.amount])
    error_message = "budgets: amounts are whole units of the account's currency."
  }
}

variable "spark" {
  description = "Serverless Spark batches for bills that are too large for `ingest`: runtime version, gs:// URL of the script, container image with this package, subnetwork, and when they look for work. null = none, and such bills are refused by name."
  type = object({
    runtime    = optional(string, "3.0")
    script     = string
    image      = string
    subnetwork = string
    schedule   = optional(string, "45 * * * *")
  })
  default = null
}
