"""Probability to separate nodes; their measurement and reading."""
