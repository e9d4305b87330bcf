"""What running Trimtab costs, from list prices and measured work: docs/running-cost.md."""
