"""Pushes: from WebSub hubs (``websub``) and of articles (``articles``), over one small server (``server``)."""
