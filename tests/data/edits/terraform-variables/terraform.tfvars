# What people change.
deploy = true
nights = false

control = {
  count         = "1"
  instance_type = "m4.2xlarge"
}

workers = {
  count         = "4" # quoted, and must stay so
  control_plane = false
  instance_type = "m4.2xlarge"
  disk_size_gb  = "60"
}
