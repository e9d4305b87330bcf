"""Trimtab: bills and metrics in, small reviewed Git changes out."""

__version__ = "0.1.0"
