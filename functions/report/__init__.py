"""The clock: showback and statements from summaries."""
