"""Delivery: alerts from the store's outbox to people, at least once, by mail, webhook, chat, feed.

``decide`` and ``times`` say when what is sent (pure, the clock is passed in), ``render`` how it reads, ``channels`` carry
it, ``service`` runs the queue of ``desk.delivery.store.queue``.
"""
