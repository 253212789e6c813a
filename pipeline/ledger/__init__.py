"""The ledger: the outcome of each raw record, stored in one transaction with its results."""
