"""What connectors keep in the store: feeds with their cursors, items, polls, the pace of hosts."""
