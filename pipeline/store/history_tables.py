"""The tables of history: takedowns, what feeds were asked and what they said."""
