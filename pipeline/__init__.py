"""The pipeline: raw stream → clean → language → fingerprint → tag → match → order → story → alert → sinks.

It imports ``core`` alone, of the product's packages; a test holds that.
"""
