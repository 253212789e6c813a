"""HTTP requests to outlets: addresses, pace, robots.txt, limits, and responses as values."""
