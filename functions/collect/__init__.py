"""The clock: read every cluster's last hours from its Prometheus."""
