"""What pages show, computed from records. Pure: no store, no clock, no HTML (templates write and escape it)."""
