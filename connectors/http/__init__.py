"""Asking outlets by HTTP: addresses, pace, robots.txt, limits, answers as values."""
