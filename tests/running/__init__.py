"""What functions do for an event, measured: the numbers that docs/running-cost.md is made of."""
