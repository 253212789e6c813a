"""Another package's channel: it holds to the contract, and alerts go out by it once it is installed, without an edit here."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.runner import to_records
from core.clock import wall_ms
from core.records import RawArticle, from_ms
from core.store import SubscriptionStore, open_store
from core.streams import create_stream
from desk.delivery.channels.testing import ChannelContract
from tests.plugins.support import installed, module
from tests.waiting import until
from tests.wirewatch.command import wirewatch

pager: Any = module("pager", "wirewatch_pager")
NOON_MS = 1_772_452_800_000


@contextmanager
def paging() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A pager server: its address, and the pages that it took."""
    got: list[dict[str, Any]] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            got.append(json.loads(self.rfile.readline()))
            self.wfile.write(b"ok\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"pager://tok-7f3a@127.0.0.1:{server.server_address[1]}/night-desk", got
        server.shutdown()
        thread.join()


class TestPager(ChannelContract):
    kind = pager.PagerKind()
    address = "pager://tok-7f3a@pager.example:7700/night-desk"
    unusable = ("pager:", "pager://pager.example:7700/night-desk", "pager://tok-7f3a@pager.example:seven/desk")
    secrets = ("tok-7f3a",)

    def receive(self) -> AbstractContextManager[tuple[str, Sequence[Any]]]:
        return paging()


def test_its_address_means_nothing_until_it_is_installed(tmp_path: Path) -> None:
    done = wirewatch("channels", "add", "night", TestPager.address, cwd=tmp_path)
    assert done.returncode == 2
    assert "tok-7f3a" not in done.stderr
    assert '"pager"' not in wirewatch("channels", "kinds", "--json", cwd=tmp_path).stdout


@pytest.mark.slow
def test_an_alert_goes_out_by_an_installed_channel(tmp_path: Path) -> None:
    environment = installed("pager", tmp_path / "package") | {"WIREWATCH_DELIVERY_ALLOW_PRIVATE": "127.0.0.1"}
    listed = wirewatch("channels", "kinds", "--json", cwd=tmp_path, **environment)
    kinds = {one["kind"]: one for one in map(json.loads, listed.stdout.splitlines())}
    assert list(kinds) == ["pager", "mail", "webhook", "webpush", "chat"]
    assert (kinds["pager"]["package"], list(kinds["pager"]["options"])) == ("wirewatch-pager", ["prefix"])
    with paging() as (address, pages):
        for command in (
            ("channels", "add", "night", address, "--set", "prefix=WIRE"),
            ("subscriptions", "add", "bridge AND opened", "--id", "bridges", "--channel", "night"),
            ("channels", "test", "night"),
        ):
            done = wirewatch(*command, cwd=tmp_path, **environment)
            assert done.returncode == 0, done.stderr
        assert [one["to"] for one in pages] == ["night-desk"]
        until(lambda: wall_ms() >= in_force_ms(tmp_path), "subscription in force")
        publish(tmp_path)
        for command in (("pipeline", "run", "--until-empty"), ("deliver", "--once", "--metrics-port", "0")):
            done = wirewatch(*command, cwd=tmp_path, **environment)
            assert done.returncode == 0, done.stderr
        page = pages[1]
        assert page["token"] == "tok-7f3a"
        assert page["text"].startswith("WIRE ")
        assert "Bridge at Oldtown opened" in page["text"]
        assert len(pages) == 2
    [shown] = map(json.loads, wirewatch("channels", "list", "--json", cwd=tmp_path, **environment).stdout.splitlines())
    assert (shown["kind"], shown["health"], shown["address"]) == ("pager", "ok", "pager://127.0.0.1/night-desk")
    # Without the package the channel stays, waits, and says so; its address is not shown.
    bare = wirewatch("channels", "list", "--json", cwd=tmp_path)
    assert json.loads(bare.stdout)["address"] == "pager://…"
    failed = wirewatch("channels", "test", "night", cwd=tmp_path)
    assert failed.returncode == 1
    assert "there is no kind of channel 'pager'" in failed.stderr


def test_a_package_that_can_not_be_loaded_is_a_problem_of_its_own(tmp_path: Path) -> None:
    environment = installed("pager", tmp_path / "package")
    (Path(environment["PYTHONPATH"]) / "wirewatch_pager.py").write_text("import a_module_that_is_not_there\n")
    added = wirewatch("channels", "add", "hook", "https://hooks.outlet.example/x", cwd=tmp_path, **environment)
    assert added.returncode == 0, added.stderr
    assert "'pager' of package wirewatch-pager can't be loaded" in added.stderr


def in_force_ms(folder: Path) -> int:
    """The event time from which the subscription is in force: a margin after it was saved."""
    store = open_store(f"sqlite:///{folder}/var/store.db")
    try:
        [subscription] = SubscriptionStore(store).read(now_ms=wall_ms()).subscriptions
        return subscription.effective_from_ms
    finally:
        store.close()


def publish(folder: Path) -> None:
    """As a connector does: an article that is news, appended to the raw stream."""
    article = RawArticle(
        url="https://wire.example/oldtown",
        source="agency",
        fetched_at=from_ms(NOON_MS),
        title="Bridge at Oldtown opened",
        text="The bridge at Oldtown was opened on Monday after two years of work, the council said.",
    )
    with create_stream(f"sqlite:///{folder}/var/streams.db", "raw-articles") as stream:
        records, _ = to_records((article,), stream.max_value_bytes)
        stream.append(records)
