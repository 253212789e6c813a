from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.support import Site, site


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as here:
        yield here
