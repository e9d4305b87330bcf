"""The use cases, one per function; the only place where the core meets ports."""
