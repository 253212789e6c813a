"""The pipeline: raw stream → clean → language → fingerprint → tag → match → order → story → alert → sinks.

Also holds what every package shares: records, errors, settings, streams, store and query.
It imports neither ``connectors`` nor ``desk``; a test holds that.
"""
