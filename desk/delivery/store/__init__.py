"""Delivery's data in the store: channels, mutes, deliveries, messages, recalls."""
