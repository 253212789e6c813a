"""Streams in a SQLite file: the embedded default, for one machine."""
