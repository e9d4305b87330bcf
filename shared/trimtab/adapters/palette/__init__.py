"""Spectro Cloud Palette, read-only."""
