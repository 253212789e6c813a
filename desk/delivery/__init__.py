"""Delivers alerts from the store's outbox to people, at least once, by mail, webhook, chat and Web Push.

``plan`` and ``times`` decide what is sent when (pure; the caller passes the time), ``render`` writes the messages, ``channels``
send them, and ``service`` runs the queue of ``desk.delivery.store.queue``.
"""
