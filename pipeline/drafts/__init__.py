"""Prepared drafts that are kept on this machine, so that one version extracts no raw record twice."""
