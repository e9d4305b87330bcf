"""Cost → workload → owner; the rules are SQL files in `sql/`, readable by a FinOps analyst."""
