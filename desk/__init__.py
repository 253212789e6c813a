"""What people see. Reads the store. From ``pipeline`` it imports only records, errors, settings, streams, store and query."""
