module "only" {
  source  = "./cluster"
  name    = "module-gke"
  workers = 5
}
