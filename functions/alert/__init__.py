"""A budget or anomaly notice came: tell the owner, once per threshold."""
