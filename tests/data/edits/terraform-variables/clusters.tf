resource "spectrocloud_cluster_aws" "main" {
  count = var.deploy ? 1 : 0

  name = "variables-aws"

  machine_pool {
    control_plane           = true
    control_plane_as_worker = true
    name                    = "control"
    count                   = var.control.count
    instance_type           = var.control.instance_type
  }

  machine_pool {
    name          = "workers"
    control_plane = var.workers.control_plane
    count         = var.workers.count
    instance_type = var.workers["instance_type"]
    max           = local.most
    disk_size_gb  = var.workers.disk_size_gb
  }

  machine_pool {
    name          = "batch"
    count         = var.batch
    instance_type = var.kind
  }

  machine_pool {
    name          = "reports"
    count         = var.nights ? 1 : 4
    instance_type = var.kind
  }
}

locals {
  most = 9
}
