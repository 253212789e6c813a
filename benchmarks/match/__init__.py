"""Stored queries against documents: side by side with Lucene Monitor, and at the scale of a large desk."""
