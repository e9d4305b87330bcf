# The second place of the ledger's roots, best in another organization's project: who runs Trimtab may add and read there, nobody may remove.
terraform {
  required_version = ">= 1.11"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 7.0"
    }
  }
}

provider "google" {
  project = var.project
}

variable "project" {
  description = "Id of the project of the bucket."
  type        = string
}

variable "location" {
  description = "Region or multi-region of the bucket."
  type        = string
}

variable "name" {
  description = "Name of the bucket; settings.anchor is gs:// and this."
  type        = string
}

variable "tenant" {
  description = "The tenant: the first folder of its keys."
  type        = string
  default     = "default"
}

variable "writer" {
  description = "Service account (e-mail) of `verify`: the output service_accounts.verify of the deployment."
  type        = string
}

variable "readers" {
  description = "Members who check, such as user:ada@example.com: `trimtab ledger verify --anchors`."
  type        = set(string)
  default     = []
}

variable "lock" {
  description = "Retention: days, and whether it is locked for good."
  type        = object({ days = number, is_locked = bool })
  default     = { days = 400, is_locked = false }
}

locals {
  anchors = "resource.name.startsWith(\"projects/_/buckets/${var.name}/objects/${var.tenant}/anchors/\")"
  writer  = "serviceAccount:${var.writer}"
}

module "bucket" {
  source           = "../../modules/gcp_bucket"
  name             = var.name
  location         = var.location
  lock             = var.lock
  soft_delete_days = 7
}

resource "google_storage_bucket_iam_member" "add" {
  bucket = module.bucket.name
  role   = "roles/storage.objectCreator"
  member = local.writer
  condition {
    title      = "anchors"
    expression = local.anchors
  }
}

resource "google_storage_bucket_iam_member" "read" {
  for_each = setunion([local.writer], var.readers)
  bucket   = module.bucket.name
  role     = "roles/storage.objectViewer"
  member   = each.value
  condition {
    title      = "anchors"
    expression = "${local.anchors} || resource.type == \"storage.googleapis.com/Bucket\""
  }
}

output "anchor" {
  description = "What settings.anchor says."
  value       = "gs://${module.bucket.name}"
}
