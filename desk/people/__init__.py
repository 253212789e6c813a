"""Who may do what at the desk: roles, passwords, sessions, tokens, limits. Rules are pure; ``accounts`` applies them."""
