"""Preparing replays: sources of raw records and the archive."""
