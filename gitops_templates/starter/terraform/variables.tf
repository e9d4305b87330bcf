variable "palette_host" {
  description = "Palette's API host, without https://."
  type        = string
  default     = "api.spectrocloud.com"
}

variable "palette_project" {
  description = "The Palette project that these clusters are in."
  type        = string
}
