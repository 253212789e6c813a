"""Runs beside the live one: replays, their bases, and differences between runs."""
