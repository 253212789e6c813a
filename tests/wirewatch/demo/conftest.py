"""The sample outlets, loaded once; nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wirewatch.demo import DemoOutlets, Samples, load_samples

STARTED_AT = datetime(2026, 3, 5, 8, 30, tzinfo=UTC)
END_S = 60.0


@pytest.fixture(scope="session")
def samples() -> Samples:
    return load_samples()


@pytest.fixture(scope="session")
def outlets(samples: Samples) -> DemoOutlets:
    return DemoOutlets(samples, STARTED_AT, base_url="http://demo.test:8000")
