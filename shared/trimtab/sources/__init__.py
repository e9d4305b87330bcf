"""Foreign bytes → records, a module per source; no I/O, every error names file and row."""
