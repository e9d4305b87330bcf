output "clusters" {
  description = "Palette uid of every cluster, by name: what .trimtab/owners.yaml and Trimtab's deployment settings refer to."
  value = merge(
    { for name, cluster in spectrocloud_cluster_eks.this : name => cluster.id },
    { for name, cluster in spectrocloud_cluster_gke.this : name => cluster.id },
  )

  precondition {
    condition     = length(local.clusters) == length(local.eks) + length(local.gke)
    error_message = "A file below clusters/ has a cloudType that nothing here builds: add its resource, or remove the file."
  }
}
