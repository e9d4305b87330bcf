variable "name" {}
variable "workers" {}

resource "spectrocloud_cluster_gke" "this" {
  name = var.name

  machine_pool {
    name          = "workers"
    count         = var.workers
    instance_type = "n2-standard-4"
  }

  lifecycle {
    ignore_changes = [tags]
  }
}

resource "spectrocloud_cluster_gke" "ignored" {
  name = "${var.name}-ignored"

  machine_pool {
    name          = "workers"
    count         = 2
    instance_type = "n2-standard-4"
  }

  lifecycle {
    ignore_changes = [machine_pool]
  }
}
