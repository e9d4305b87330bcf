"""Google Cloud, as far as we speak to it ourselves."""
