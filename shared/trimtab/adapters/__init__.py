"""The rim: ports carried out with real libraries."""
