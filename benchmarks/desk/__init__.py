"""The desk on a store of a million generated articles: pages, search, open streams, memory."""
