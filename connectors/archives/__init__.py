"""Archives: files and folders of raw articles → raw articles, for bounded runs and replays."""

from connectors.archives.items import ArchiveItem
from connectors.archives.read import read_path

__all__ = ["ArchiveItem", "read_path"]
