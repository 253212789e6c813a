"""The tables of delivery: what was sent to whom, and what is held back."""
