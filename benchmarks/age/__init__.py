"""What a store takes as it grows old, and what pruning costs."""
