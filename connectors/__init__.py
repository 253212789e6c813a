"""From external sources to the raw stream: feeds, sitemaps, pushes and archives, and connectors of other packages as plug-ins.

``base`` is the contract of a connector, ``kinds`` finds installed kinds, ``runner`` is the loop that polls, appends and
then saves cursors, ``store`` keeps them, ``http`` is the only access to the network (polite, bounded, guarded),
``feeds`` is the built-in connector, and ``testing`` has tools for tests of any connector.
"""
