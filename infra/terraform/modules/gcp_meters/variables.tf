variable "project" {
  description = "Project that the functions run in."
  type        = string
}

variable "prefix" {
  description = "What every name begins with."
  type        = string
}
