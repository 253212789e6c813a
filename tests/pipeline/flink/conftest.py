"""One Flink and one pool of external workers for the tests that share them (these run in one pytest worker)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.servers.flink import FlinkServer, WorkerPool
from tests.servers.kafka import ServerFailed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "flink_options" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("flink"))


@pytest.fixture(scope="session")
def flink_options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Beam options that submit to a real Flink with external Python workers."""
    directory = tmp_path_factory.mktemp("flink")
    flink, workers = FlinkServer(directory / "flink"), WorkerPool(directory / "workers")
    with contextlib.ExitStack() as stack:
        stack.callback(flink.kill)
        stack.callback(workers.kill)
        try:
            flink.start()
            workers.start()
        except ServerFailed as error:
            pytest.fail(f"no Flink for the tests: {error}", pytrace=False)
        yield [*flink.options, *workers.options, "--parallelism=2"]
