data "spectrocloud_cloudaccount_gcp" "this" {
  for_each = toset([for cluster in values(local.gke) : cluster.cloud_account])

  name = each.value
}

resource "spectrocloud_cluster_gke" "this" {
  for_each = local.gke

  name             = each.value.name
  tags             = try(each.value.tags, [])
  cloud_account_id = data.spectrocloud_cloudaccount_gcp.this[each.value.cloud_account].id

  cloud_config {
    project = each.value.cloud_config.project
    region  = each.value.cloud_config.region
  }

  dynamic "cluster_profile" {
    for_each = concat([each.value.profiles.infra], try(each.value.profiles.addons, []))
    content {
      id = local.profile_ids["${cluster_profile.value.name}:${try(cluster_profile.value.version, "")}"]
    }
  }

  # No min, max or capacity_type: this resource has no such arguments.
  dynamic "machine_pool" {
    for_each = each.value.node_groups
    content {
      name              = machine_pool.value.name
      count             = machine_pool.value.count
      instance_type     = machine_pool.value.instance_type
      disk_size_gb      = try(machine_pool.value.disk_size_gb, null)
      additional_labels = try(machine_pool.value.additional_labels, null)

      dynamic "taints" {
        for_each = try(machine_pool.value.taints, [])
        content {
          key    = taints.value.key
          value  = taints.value.value
          effect = taints.value.effect
        }
      }
    }
  }

  dynamic "namespaces" {
    for_each = local.quotas[each.key]
    content {
      name                = namespaces.value.name
      resource_allocation = namespaces.value.resource_allocation
    }
  }
}
