terraform {
  required_version = ">= 1.9"

  required_providers {
    spectrocloud = {
      source  = "spectrocloud/spectrocloud"
      version = "~> 0.28"
    }
  }

  # Bucket, key and region come from the CI's -backend-config, so that a plan and an apply use the same state by the same words.
  backend "s3" {
    use_lockfile = true
  }
}

# The API key comes from the environment (SPECTROCLOUD_APIKEY), never from a file.
provider "spectrocloud" {
  host         = var.palette_host
  project_name = var.palette_project
}
