"""The pipeline: raw stream → decode → clean → language → fingerprint → tag → match → order → stories, alerts → store.

``flow`` is the whole graph, ``elements`` what flows through it, ``transforms`` its steps, ``drivers`` what feeds it; ``text``,
``stories`` and ``order`` are the pure logic of the steps; ``ledger`` stores, ``relay`` publishes. Of the product's packages
it imports only ``core``; a test checks that.
"""
