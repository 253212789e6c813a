"""Live updates, computed once for all readers of this process: a follower of the store, a board of stories, a hub."""
