"""Shared by all packages that open or accept connections: which addresses may be connected to, and a small server."""
