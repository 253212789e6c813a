"""Sinks: the ordered stage's results into the store, and from its outbox to the output streams."""
