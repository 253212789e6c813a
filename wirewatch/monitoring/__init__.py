"""What is measured and served for monitoring: metrics, probes, the canary."""
