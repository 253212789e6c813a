"""Replays: their options, their sources of raw records, the daily archive, and the contents of a run at a past moment."""
