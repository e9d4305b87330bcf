variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "location" {
  description = "Region or multi-region."
  type        = string
}

variable "lock" {
  description = "Nothing is deleted or replaced for so many days; with is_locked, for good. null = no retention, and old versions are kept instead."
  type        = object({ days = number, is_locked = bool })
  default     = null
}

variable "soft_delete_days" {
  description = "Days that deleted objects can be restored; 0 = not at all."
  type        = number
}

variable "expiry" {
  description = "Key prefix => days after which its objects go."
  type        = map(number)
  default     = {}
}

variable "old_version_days" {
  description = "Days that replaced and deleted versions are kept."
  type        = number
  default     = 30
}

variable "old_versions" {
  description = "Key prefix => days, where they are kept for fewer than that."
  type        = map(number)
  default     = {}
}
