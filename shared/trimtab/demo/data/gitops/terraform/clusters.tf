# One YAML file is one cluster; what is read here is all that a file can say.
locals {
  root     = "${path.module}/../clusters"
  clusters = { for path in fileset(local.root, "**/*.yaml") : path => yamldecode(file("${local.root}/${path}")) }
}

resource "spectrocloud_cluster_eks" "this" {
  for_each = { for cluster in values(local.clusters) : cluster.name => cluster if cluster.cloudType == "eks" }

  name             = each.value.name
  cloud_account_id = var.cloud_accounts[each.value.cloud_account]

  cloud_config {
    region = each.value.cloud_config.region
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
      additional_labels = try(machine_pool.value.additional_labels, null)
    }
  }

  dynamic "namespaces" {
    for_each = try(each.value.namespaces, [])
    content {
      name                = namespaces.value.name
      resource_allocation = namespaces.value.resource_allocation
    }
  }
}

resource "spectrocloud_cluster_gke" "this" {
  for_each = { for cluster in values(local.clusters) : cluster.name => cluster if cluster.cloudType == "gke" }

  name             = each.value.name
  cloud_account_id = var.cloud_accounts[each.value.cloud_account]

  cloud_config {
    project = each.value.cloud_config.project
    region  = each.value.cloud_config.region
  }

  dynamic "machine_pool" {
    for_each = each.value.node_groups
    content {
      name              = machine_pool.value.name
      count             = machine_pool.value.count
      instance_type     = machine_pool.value.instance_type
      disk_size_gb      = machine_pool.value.disk_size_gb
      additional_labels = try(machine_pool.value.additional_labels, null)
    }
  }

  dynamic "namespaces" {
    for_each = try(each.value.namespaces, [])
    content {
      name                = namespaces.value.name
      resource_allocation = namespaces.value.resource_allocation
    }
  }
}

variable "cloud_accounts" {
  description = "Name of a cloud account, as the cluster files have it → its id in Palette."
  type        = map(string)
}
