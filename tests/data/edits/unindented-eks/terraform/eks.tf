locals {
  clusters = { for f in fileset("${path.module}/../clusters", "cluster-eks-*.yaml") : f => yamldecode(file("${path.module}/../clusters/${f}")) }
}

resource "spectrocloud_cluster_eks" "this" {
  for_each = local.clusters
  name     = each.value.name

  dynamic "machine_pool" {
    for_each = each.value.node_groups
    content {
      name          = machine_pool.value.name
      count         = machine_pool.value.count
      instance_type = machine_pool.value.instance_type
      disk_size_gb  = machine_pool.value.disk_size_gb
    }
  }
}
