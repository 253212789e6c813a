"""The threads of the library behind numpy's matrix products.

Our matrices are small and the work is spread over processes, so more threads would only wait for each other: on a busy
machine for many times as long as a product takes.
"""

from __future__ import annotations

from functools import cache

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@cache
def one_thread() -> None:
    """Let matrix products use only the thread that asks for them, from now on, in this process and those forked from it."""
    threadpool_limits(1, user_api="blas")
