# The second place of the ledger's roots, best in another account: who runs Trimtab may add and read there, and nobody may remove.
terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "AWS region of the bucket."
  type        = string
}

variable "name" {
  description = "Name of the bucket; settings.anchor is s3:// and this."
  type        = string
}

variable "tenant" {
  description = "The tenant: the first folder of its keys."
  type        = string
  default     = "default"
}

variable "writer" {
  description = "ARN of the role of `verify`: the output roles.verify of the deployment."
  type        = string
}

variable "readers" {
  description = "ARNs of those who check: `trimtab ledger verify --anchors`."
  type        = list(string)
  default     = []
}

variable "lock" {
  description = "Object Lock: mode GOVERNANCE or COMPLIANCE, and days."
  type        = object({ mode = string, days = number })
  default     = { mode = "GOVERNANCE", days = 400 }
}

data "aws_partition" "this" {}

locals {
  arn  = "arn:${data.aws_partition.this.partition}:s3:::${var.name}"
  keys = "${local.arn}/${var.tenant}/anchors/*"
}

module "bucket" {
  source      = "../../modules/aws_bucket"
  name        = var.name
  object_lock = var.lock
  statements = [
    {
      Sid       = "Add"
      Effect    = "Allow"
      Principal = { AWS = var.writer }
      Action    = ["s3:PutObject"]
      Resource  = [local.keys]
      Condition = { Null = { "s3:if-none-match" = "false" } }
    },
    {
      Sid       = "Read"
      Effect    = "Allow"
      Principal = { AWS = concat([var.writer], var.readers) }
      Action    = ["s3:GetObject"]
      Resource  = [local.keys]
    },
    {
      Sid       = "List"
      Effect    = "Allow"
      Principal = { AWS = concat([var.writer], var.readers) }
      Action    = ["s3:ListBucket"]
      Resource  = [local.arn]
    },
    {
      Sid       = "CreateOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:PutObject"]
      Resource  = ["${local.arn}/*"]
      Condition = { Null = { "s3:if-none-match" = "true" } }
    },
    {
      Sid       = "NothingGoes"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource  = ["${local.arn}/*"]
    },
  ]
}

output "anchor" {
  description = "What settings.anchor says."
  value       = "s3://${module.bucket.name}"
}
