"""The web application.

::

    request ──► shell (headers, hosts, sizes) ──► guard (who, may they, form token, limits) ──► pages/ or api/ ──► templates/

A new page is a module in ``pages`` with a ``router``, listed in ``app.PAGES``; each of its routes says who may use it by
``@allow`` (``guard``). A route that doesn't is refused to everybody, and a test fails.
"""
