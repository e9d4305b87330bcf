"""The clock plans a run, its messages analyze and open."""
