"""From the outside world to the raw stream: feeds, sitemaps, pushes and archives; other packages' connectors as plug-ins.

``base`` is the contract of a connector, ``kinds`` finds those that are installed, ``runner`` is the loop that polls, appends
and then saves cursors, ``store`` where they are kept, ``http`` the only way out to the network (polite, bounded, guarded),
``feeds`` the built-in connector, ``testing`` what tests of any connector need.
"""
