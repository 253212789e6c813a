"""Streams on a Kafka broker."""
