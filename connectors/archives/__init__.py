"""Archives: reads raw articles from files and folders, for bounded runs and replays."""

from connectors.archives.items import ArchiveItem
from connectors.archives.read import read_path

__all__ = ["ArchiveItem", "read_path"]
