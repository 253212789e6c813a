"""How fast a WARC is replayed, beside a bare extraction loop over the same file."""
