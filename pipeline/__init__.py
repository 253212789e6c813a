"""The pipeline: raw stream → decode → clean → language → fingerprint → tag → match → order → stories, alerts → store.

``flow`` is the whole graph, ``elements`` its data, ``transforms`` its steps, ``drivers`` run it; ``text``, ``stories``
and ``order`` have the pure logic of the steps; ``ledger`` stores results, ``relay`` publishes them. Of our packages it
imports only ``core``, which a test checks.
"""
