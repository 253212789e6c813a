"""One report of all benches: every figure a ratio to a peer in the same run. Run ``python -m benchmarks.report``."""
