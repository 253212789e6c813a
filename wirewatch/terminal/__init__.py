"""What every command prints: the console, JSON Lines, moments of time."""
