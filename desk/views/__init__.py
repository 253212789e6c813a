"""What pages show, worked out from records. Pure: no store, no clock, no HTML (templates write that, and escape it)."""
