# One YAML file is one cluster. What is read here and in eks.tf and gke.tf is all that a file can say.

locals {
  root  = "${path.module}/../clusters"
  files = { for path in fileset(local.root, "**/*.yaml") : path => yamldecode(file("${local.root}/${path}")) }

  # A name that stands in two files is an error here, before anything is planned.
  clusters = { for path, cluster in local.files : cluster.name => cluster }

  eks = { for name, cluster in local.clusters : name => cluster if cluster.cloudType == "eks" }
  gke = { for name, cluster in local.clusters : name => cluster if cluster.cloudType == "gke" }

  # Every profile that some cluster names, once: "<name>:<version>".
  profiles = {
    for profile in flatten([
      for cluster in values(local.clusters) : concat([cluster.profiles.infra], try(cluster.profiles.addons, []))
    ]) : "${profile.name}:${try(profile.version, "")}" => profile...
  }
}

data "spectrocloud_cluster_profile" "this" {
  for_each = local.profiles

  name    = each.value[0].name
  version = try(each.value[0].version, null)
}
