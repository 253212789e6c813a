"""What is happening now, once for all readers of this process: one follower of the store, a board of stories, a hub."""
