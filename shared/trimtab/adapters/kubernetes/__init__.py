"""One cluster's Kubernetes API, read only."""
