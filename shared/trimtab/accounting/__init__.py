"""Statements and reconciliation: numbers that tie to the bill."""
