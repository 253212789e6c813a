"""Streams in a SQLite file: the embedded default, for a single machine."""
