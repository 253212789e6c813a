"""Metrics, probes and the canary of the services."""
