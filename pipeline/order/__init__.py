"""Order (pure): merging partitions into one numbered sequence, and restoring that sequence after parallel work."""

from pipeline.order.merge import Merge, MergeMark, Numbered, ReadTo
from pipeline.order.reorder import Reordering, ReorderState, restore

__all__ = ["Merge", "MergeMark", "Numbered", "ReadTo", "ReorderState", "Reordering", "restore"]
