resource "spectrocloud_cluster_eks" "quotas" {
  name = "quotas-eks"

  namespaces {
    name = "serving"
    resource_allocation = {
      cpu_cores    = "16"
      memory_MiB   = "32768"
      gpu_limit    = "2"
      gpu_provider = "nvidia"
    }
  }

  namespaces {
    name                = "silently-dropped"
    resource_allocation = { cpu_cores = "500m", memory_MiB = "2048" }
  }
}

resource "spectrocloud_workspace" "ml" {
  name = "ml"

  workspace_quota {
    cpu    = 64
    memory = 131072
    gpu    = 8
  }

  namespaces {
    name = "ml-shared"
    resource_allocation = {
      cpu_cores  = "16"
      memory_MiB = "32768"
      gpu        = "2"
    }
  }
}

resource "spectrocloud_virtual_cluster" "dev" {
  name = "dev-virtual"

  resources {
    max_cpu           = 8
    max_mem_in_mb     = 12288
    min_cpu           = 0
    min_mem_in_mb     = 0
    max_storage_in_gb = "12"
    min_storage_in_gb = "0"
  }
}

resource "spectrocloud_cluster_group" "shared" {
  name = "shared"

  config {
    host_endpoint_type       = "Ingress"
    cpu_millicore            = 6000
    memory_in_mb             = 8192
    storage_in_gb            = 10
    oversubscription_percent = 120
  }
}
