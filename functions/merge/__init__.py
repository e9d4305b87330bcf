"""One proposal: judge again on fresh facts, merge, or say why not."""
