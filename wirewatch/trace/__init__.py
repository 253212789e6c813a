"""Tracing one address through everything that is known of it."""
