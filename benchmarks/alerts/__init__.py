"""Alerts in a burst: one event, very many subscriptions."""
