"""How fast the story stage is, and how much memory an article takes. Run ``python -m benchmarks.stories``."""
