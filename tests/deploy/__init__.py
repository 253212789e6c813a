"""What lies in deploy/: checked by the formats' own validators, and what can run here is run."""
