# Every cluster type with a number of nodes, each with a control plane where Palette does not run it.

resource "spectrocloud_cluster_aws" "main" {
  name             = "literal-aws"
  cloud_account_id = data.spectrocloud_cloudaccount_aws.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    control_plane = true
    name          = "control"
    count         = 3
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    instance_type = "m5.xlarge"
    capacity_type = "spot"
    max_price     = "0.20"
    min           = 2
    max           = 8
    azs           = ["us-west-2a"]
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_eks" "main" {
  name             = "literal-eks"
  cloud_account_id = data.spectrocloud_cloudaccount_eks.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    instance_type = "m5.xlarge"
    capacity_type = "on-demand"
    min           = "4"
    max           = "8"
    disk_size_gb  = 80
    ami_type      = "AL2023_x86_64_STANDARD"
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_azure" "main" {
  name             = "literal-azure"
  cloud_account_id = data.spectrocloud_cloudaccount_azure.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    control_plane = true
    name          = "control"
    count         = 3
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    instance_type = "Standard_D4s_v3"
    azs           = ["1"]
    disk {
      size_gb = 80
      type    = "Standard_LRS"
    }
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_aks" "main" {
  name             = "literal-aks"
  cloud_account_id = data.spectrocloud_cloudaccount_aks.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    instance_type        = "Standard_D4s_v3"
    min                  = 2
    max                  = 8
    disk_size_gb         = 80
    is_system_node_pool  = false
    storage_account_type = "Standard_LRS"
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_gcp" "main" {
  name             = "literal-gcp"
  cloud_account_id = data.spectrocloud_cloudaccount_gcp.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    control_plane = true
    name          = "control"
    count         = 3
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    instance_type = "n2-standard-4"
    disk_size_gb  = 80
    azs           = ["us-west1-a"]
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_gke" "main" {
  name             = "literal-gke"
  cloud_account_id = data.spectrocloud_cloudaccount_gke.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    instance_type = "n2-standard-4"
    disk_size_gb  = 80
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_maas" "main" {
  name             = "literal-maas"
  cloud_account_id = data.spectrocloud_cloudaccount_maas.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    control_plane = true
    name          = "control"
    count         = 3
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    min   = 2
    max   = 8
    instance_type {
      min_cpu       = 8
      min_memory_mb = 32768
    }
    placement {
      resource_pool = "large"
    }
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_vsphere" "main" {
  name             = "literal-vsphere"
  cloud_account_id = data.spectrocloud_cloudaccount_vsphere.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    control_plane = true
    name          = "control"
    count         = 3
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    min   = 2
    max   = 8
    instance_type {
      cpu          = 8
      memory_mb    = 32768
      disk_size_gb = 120
    }
    placement {
      cluster = "hall"
    }
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_apache_cloudstack" "main" {
  name             = "literal-apache-cloudstack"
  cloud_account_id = data.spectrocloud_cloudaccount_apache_cloudstack.this.id

  cloud_config {
    region = "west"
  }

  machine_pool {
    control_plane = true
    name          = "control"
    count         = 3
  }

  machine_pool {
    name  = "workers" // as the runbook calls it
    count = 4 /* four since March */
    offering = "Large Instance"
    min      = 2
    max      = 8
    network {
      network_name = "main"
    }
    additional_labels = {
      "team" = "ml"
    }
    taints {
      key    = "dedicated"
      value  = "ml"
      effect = "NoSchedule"
    }
  }
}

resource "spectrocloud_cluster_edge_native" "main" {
  name = "literal-edge-native"

  machine_pool {
    name = "workers"
    edge_host {
      host_uid = "host-1"
    }
  }
}

resource "spectrocloud_cluster_custom_cloud" "main" {
  name  = "literal-custom"
  cloud = "nutanix"

  machine_pool {
    node_pool_config = file("pools/worker.yaml")
  }
}
