"""What people see and do: the desk's pages and API, accounts, delivery of alerts. Imports only from ``core``."""
