"""What was promised against what was measured → Outcome."""
