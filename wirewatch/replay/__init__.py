"""What replays need: their options, their sources of raw records, the daily archive, and what a run held at a moment."""
