"""The clock, or fresh summaries: forecasts, anomalies, owner suggestions."""
