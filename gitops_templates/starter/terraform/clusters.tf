# One YAML file is one cluster. What is read here and in eks.tf and gke.tf is all that a file can say.

locals {
  root  = "${path.module}/../clusters"
  files = { for path in fileset(local.root, "**/*.yaml") : path => yamldecode(file("${local.root}/${path}")) }

  # A name that stands in two files is an error here, before anything is planned.
  clusters = { for path, cluster in local.files : cluster.name => cluster }

  eks = { for name, cluster in local.clusters : name => cluster if cluster.cloudType == "eks" }
  gke = { for name, cluster in local.clusters : name => cluster if cluster.cloudType == "gke" }

  # What namespaces may ask for, as every kind of cluster takes it: cluster → its list. Palette wants whole numbers, as text.
  quotas = {
    for name, cluster in local.clusters : name => [
      for space in try(cluster.namespaces, []) : {
        name = space.name
        resource_allocation = merge(
          {
            cpu_cores  = tostring(space.resource_allocation.cpu_cores)
            memory_MiB = tostring(space.resource_allocation.memory_MiB)
          },
          try({
            gpu_limit    = tostring(space.resource_allocation.gpu_limit)
            gpu_provider = space.resource_allocation.gpu_provider
          }, {}),
        )
      }
    ]
  }

  # Every profile that some cluster names and profiles.tf does not make, once: "<name>:<version>".
  profiles = {
    for profile in flatten([
      for cluster in values(local.clusters) : concat([cluster.profiles.infra], try(cluster.profiles.addons, []))
    ]) : "${profile.name}:${try(profile.version, "")}" => profile... if !contains(keys(local.addons), profile.name)
  }

  profile_ids = merge(
    { for name, profile in data.spectrocloud_cluster_profile.this : name => profile.id },
    { for name, profile in spectrocloud_cluster_profile.addon : "${name}:${profile.version}" => profile.id },
  )
}

data "spectrocloud_cluster_profile" "this" {
  for_each = local.profiles

  name    = each.value[0].name
  version = try(each.value[0].version, null)
}
