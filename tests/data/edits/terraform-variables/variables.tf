variable "deploy" {
  type = bool
}

variable "nights" {
  type = bool
}

variable "kind" {
  default = "m5.xlarge"
}

variable "batch" {
  type    = number
  default = 2

  validation {
    condition     = var.batch > 0
    error_message = "At least one."
  }
}

variable "control" {
  type = map(string)
}

variable "workers" {
  type = object({
    count         = string
    control_plane = bool
    instance_type = string
    disk_size_gb  = string
  })
  default = {
    count         = "1"
    control_plane = false
    instance_type = "m4.xlarge"
    disk_size_gb  = "60"
  }
}
