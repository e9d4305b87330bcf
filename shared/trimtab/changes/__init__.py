"""Finding → Proposal; edits that keep every other byte of a file."""
