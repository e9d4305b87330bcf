"""HTTPS: somebody called. Verify the sender, keep the request, answer at once."""
