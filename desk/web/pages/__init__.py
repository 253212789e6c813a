"""The desk's pages, one module each. A new page is a module with a ``router``, listed in ``desk.web.app.PAGES``."""
