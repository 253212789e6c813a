"""The ledger: how each raw record ended, stored in one transaction with its results."""

from pipeline.ledger.contiguous_offsets import StreamOffsets
from pipeline.ledger.ledger import BundleContext, RunLedger, RunState

__all__ = ["BundleContext", "RunLedger", "RunState", "StreamOffsets"]
