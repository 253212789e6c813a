"""Runs beside the live one: replays, what they go on from, how runs differ, the store as of a moment."""
