"""The web application.

::

    request ──► shell (headers, hosts, sizes) ──► guard (who, may they, form token, limits) ──► pages/ or api/ ──► templates/

A new page is a module in ``pages`` with a ``router``, listed in ``app.PAGES``; each of its routes declares who may use it with
``@allow`` (``guard``). A route without it is refused to everyone, and a test fails.
"""
