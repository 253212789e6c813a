"""How many examples a law is tried with: Hypothesis's profiles, chosen by ``HYPOTHESIS_PROFILE``.

``quick`` (the default, in CI) tries a quarter of what ``thorough`` (``make test-thorough``) does. Neither measures time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LEAST = 5
_FULL = 100


def register_profiles() -> None:
    """Make both profiles known and load the one that the environment names; pytest's ``--hypothesis-profile`` goes before."""
    for name, count in (("quick", _FULL // 4), ("thorough", _FULL)):
        settings.register_profile(name, max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def shares(parts: int) -> int:
    """Into how many parts the cases of a large product are cut, of which one is tried: ``parts``, or 1 in ``thorough``."""
    return 1 if settings.default.max_examples >= _FULL else parts


def examples(thorough: int) -> int:
    """The number of examples for a law that deserves another one than the profile's. ``thorough``: that of ``thorough``."""
    return max(thorough * settings.default.max_examples // _FULL, LEAST)
