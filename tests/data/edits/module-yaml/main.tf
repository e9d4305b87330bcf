locals {
  params = {}
}

module "palette" {
  source  = "spectrocloud/modules/spectrocloud"
  version = "~> 0.17"

  clusters = {
    for k in fileset("config/cluster", "cluster-*.yaml") :
    trimsuffix(k, ".yaml") => yamldecode(templatefile("config/cluster/${k}", local.params))
  }
}
