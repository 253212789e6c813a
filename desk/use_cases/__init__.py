"""What people do with the desk. Pages, API and command line all call this package and hold no rules of their own.

Nothing here knows HTTP, HTML or a terminal. Roles are checked by whoever calls (``desk.web.guard``). Accounts, sessions and
tokens have their own door: ``desk.people.accounts``.
"""
