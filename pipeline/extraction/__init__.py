"""From a fetched page to an article: facts by evidence, the text, and what is no article.

Pure: no files, clock, SQL, Beam or Kafka. What is taken from where: docs/extraction.md.
"""
