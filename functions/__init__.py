"""One folder per thing that wakes us; in each, one file per cloud that translates and nothing more."""
