"""What slow pages cost the others: the delay from append to store with none, some and many pages that hang."""
