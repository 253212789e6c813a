"""What is pushed to us: WebSub hubs (``websub``) and articles (``webhook``), over one small server (``server``)."""
