"""From a fetched page to an article: facts by evidence, the text, and recognition of pages that are not articles.

Pure: no files, clock, SQL, Beam or Kafka. docs/extraction.md lists where each fact comes from.
"""
