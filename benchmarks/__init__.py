"""Measurements that can be run again: ``python -m benchmarks.NAME``. They are not part of the package."""
