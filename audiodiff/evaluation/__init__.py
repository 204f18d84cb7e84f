"""Measurement: copy-synthesis, metrics with their statistics, reports, and the search for sampling grids."""
