"""Drivers run the graph: in slices (embedded, replay, bounded runs) or as a stream (Flink)."""
