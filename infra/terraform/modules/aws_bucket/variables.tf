variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key that objects are encrypted with; null = S3's own."
  type        = string
  default     = null
}

variable "object_lock" {
  description = "Nothing is deleted or replaced for so many days, in this mode (GOVERNANCE or COMPLIANCE); null = no lock. It can only be set when the bucket is made."
  type        = object({ mode = string, days = number })
  default     = null
}

variable "statements" {
  description = "Statements of the bucket's policy beside the one that refuses plain http."
  type        = any
  default     = []
}

variable "expiry" {
  description = "Key prefix => days after which its objects go."
  type        = map(number)
  default     = {}
}

variable "old_versions" {
  description = "Key prefix (\"\" = all) => days after which versions that were replaced or deleted go; others stay."
  type        = map(number)
  default     = {}
}
