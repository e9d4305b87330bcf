data "spectrocloud_cloudaccount_aws" "this" {
  for_each = toset([for cluster in values(local.eks) : cluster.cloud_account])

  name = each.value
}

resource "spectrocloud_cluster_eks" "this" {
  for_each = local.eks

  name             = each.value.name
  tags             = try(each.value.tags, [])
  cloud_account_id = data.spectrocloud_cloudaccount_aws.this[each.value.cloud_account].id

  cloud_config {
    region          = each.value.cloud_config.region
    azs             = try(each.value.cloud_config.azs, null)
    az_subnets      = try(each.value.cloud_config.az_subnets, null)
    vpc_id          = try(each.value.cloud_config.vpc_id, null)
    ssh_key_name    = try(each.value.cloud_config.ssh_key_name, null)
    endpoint_access = try(each.value.cloud_config.endpoint_access, "public")
  }

  dynamic "cluster_profile" {
    for_each = concat([each.value.profiles.infra], try(each.value.profiles.addons, []))
    content {
      id = local.profile_ids["${cluster_profile.value.name}:${try(cluster_profile.value.version, "")}"]
    }
  }

  dynamic "machine_pool" {
    for_each = each.value.node_groups
    content {
      name              = machine_pool.value.name
      count             = machine_pool.value.count
      min               = try(machine_pool.value.min, null)
      max               = try(machine_pool.value.max, null)
      instance_type     = machine_pool.value.instance_type
      capacity_type     = try(machine_pool.value.capacity_type, "on-demand")
      disk_size_gb      = machine_pool.value.disk_size_gb
      azs               = try(machine_pool.value.azs, null)
      az_subnets        = try(machine_pool.value.az_subnets, null)
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
