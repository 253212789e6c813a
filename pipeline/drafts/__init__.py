"""Prepared drafts that are kept on this machine, so that no raw record is extracted twice by one version."""
