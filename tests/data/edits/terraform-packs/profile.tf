resource "spectrocloud_cluster_profile" "serving" {
  name    = "serving"
  cloud   = "eks"
  type    = "add-on"
  version = "1.0.0"

  pack {
    name   = "inference"
    tag    = "1.4.0"
    type   = "manifest"
    values = <<-EOT
      # what the chart takes
      charts:
        inference:
          replicas: 3
          resources:
            requests:
              cpu: 500m   # half a core
              memory: 2Gi
          image: "registry.example.com/${var.image}"
    EOT
  }

  pack {
    name   = "gateway"
    values = <<EOT
charts:
  inference:
    replicas: 2
    resources: {requests: {cpu: "250m", memory: "512Mi"}}
EOT
  }

  pack {
    name   = "from-a-file"
    values = file("values/cni.yaml")
  }

  pack {
    name   = "templated"
    values = <<-EOT
      charts:
        inference:
          replicas: ${var.replicas}
    EOT
  }
}
