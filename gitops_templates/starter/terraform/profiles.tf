# Add-on profiles that this repo itself declares: Kubernetes manifests below profiles/. A cluster gets one by naming it under
# profiles.addons in its own file, with the version that stands here.

locals {
  addons = {
    trimtab-collector = {
      version     = "1.0.0"
      description = "Measures what runs here, every hour, and leaves it where Trimtab reads it."
      content = templatefile(
        "${path.module}/../profiles/collector/manifest.yaml",
        yamldecode(file("${path.module}/../profiles/collector/settings.yaml")),
      )
    }
    owner-labels = {
      version     = "1.0.0"
      description = "Reports namespaces and workloads that do not say whose they are. Needs Kyverno."
      content     = file("${path.module}/../profiles/owner-labels/manifest.yaml")
    }
  }
}

resource "spectrocloud_cluster_profile" "addon" {
  for_each = local.addons

  name        = each.key
  version     = each.value.version
  description = each.value.description
  type        = "add-on"
  cloud       = "all"

  pack {
    name = each.key
    type = "manifest"

    manifest {
      name    = each.key
      content = each.value.content
    }
  }
}
