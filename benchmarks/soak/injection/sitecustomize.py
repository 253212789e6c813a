"""Lets the extraction of pages hang whose address says so, in every process whose PYTHONPATH has this folder.

Python imports this by itself. Nothing happens without the variable, which holds a part of those addresses. The function is
replaced as its module is loaded, under its own name, so that other processes find it by that name too.
"""

import functools
import importlib.abc
import importlib.machinery
import os
import sys
import time

SLOW = os.environ.get("SOAK_SLOW", "")
MODULE = "pipeline.transforms.prepare"
HANGS_S = 600.0


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):  # type: ignore[no-untyped-def]
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        run = spec.loader.exec_module

        def exec_module(module):  # type: ignore[no-untyped-def]
            run(module)
            extract = module.extract_raw

            @functools.wraps(extract)
            def extract_raw(raw):  # type: ignore[no-untyped-def]
                if SLOW in raw.url:
                    # Longer than any limit, without using the processor.
                    time.sleep(HANGS_S)
                return extract(raw)

            module.extract_raw = extract_raw

        spec.loader.exec_module = exec_module
        return spec


if SLOW:
    sys.meta_path.insert(0, _Finder())
