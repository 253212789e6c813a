"""The tables of the desk: people, sessions, tokens, audit, marks, shifts."""
