"""The ledger: how each raw record ended, stored in one transaction with its results."""
