"""Search and backtests over a million generated articles."""
