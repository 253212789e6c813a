"""Imported by the server that processes are forked from, and by nothing else: importing it loads all libraries of a record."""

import pipeline.transforms.record  # noqa: F401
from pipeline.transforms.prepare import extract_raw
from pipeline.transforms.warm import warm_up

warm_up(extract_raw)
