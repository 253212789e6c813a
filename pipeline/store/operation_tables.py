"""The tables of operation: heartbeats and counters."""
