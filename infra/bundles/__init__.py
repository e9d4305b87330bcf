"""`make bundle`: one zip per function and cloud, with what the function imports and nothing else.

Our own modules are found by their imports, libraries by the lock file and its hashes. The same inputs give the same bytes.
"""
