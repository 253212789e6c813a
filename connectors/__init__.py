"""From the outside world to the raw stream: feeds now; sitemaps, WebSub and archives plug in at the same contract.

``base`` is that contract, ``runner`` the loop that polls, appends and then saves cursors, ``state`` where cursors lie,
``http`` the only way out to the network (polite, bounded, guarded), ``feeds`` the first connector. Imports of
``pipeline``: records, errors, settings, streams, store, query only.
"""
