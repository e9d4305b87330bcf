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
  project               = var.project
  region                = var.region
  user_project_override = true # budgets ask for a project that their calls count for
  billing_project       = var.project
  default_labels        = merge({ "trimtab" = var.prefix }, var.labels)
}
