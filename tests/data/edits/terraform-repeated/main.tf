resource "spectrocloud_cluster_eks" "this" {
  for_each = local.clusters
  name     = "repeated-${each.key}"

  dynamic "machine_pool" {
    for_each = each.value.pools
    iterator = pool
    content {
      name          = pool.key
      count         = pool.value.count
      instance_type = pool.value.instance_type
      capacity_type = "on-demand"
      disk_size_gb  = 60
    }
  }
}

locals {
  clusters = {
    north = {
      pools = {
        general = { count = 3, instance_type = "m5.large" }
        gpu     = { count = 1, instance_type = "g5.xlarge" }
      }
    }
    "south" = {
      pools = { general = { count = 2, instance_type = "m5.large" } }
    }
  }
}
