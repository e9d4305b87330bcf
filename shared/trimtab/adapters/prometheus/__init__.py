"""Prometheus, Mimir, Thanos, VictoriaMetrics: anything with the range-query API."""
