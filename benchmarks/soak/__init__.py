"""The soak and the latency bench: the real installation of deploy/local under a steady stream of made-up pages.

::

    pages ─► Kafka ─► pipeline (slices, or Flink with its workers) ─► store          measured every 10 s into a CSV:
                                                                              memory and CPU of each process, lag,
                                                                              outcomes, checkpoints, load of the machine

``pages`` makes articles; ``installation`` starts and ends the servers and the pipeline; ``sampling`` looks at them;
``verdict`` works out slopes and percentiles; ``__main__`` is the course of it. docs/decisions.md says what came of it.
"""
