"""The ground that every package stands on: records, errors, settings, logs, net, streams, store, query, topics, search."""
