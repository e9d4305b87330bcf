"""Microsoft Azure, as far as files in containers are not enough."""
