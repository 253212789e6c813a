"""What every package that opens a connection shares: which addresses may be connected to."""
