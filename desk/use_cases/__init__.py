"""The desk's use cases. Pages, API and command line all call this package and have no rules of their own.

Nothing here depends on HTTP, HTML or a terminal. The caller checks roles (``desk.web.guard``). Accounts, sessions and tokens
are in ``desk.people.accounts``.
"""
