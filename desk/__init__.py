"""What people see: it reads the store. Of ``pipeline`` it imports only records, errors, settings, streams, store and query."""
