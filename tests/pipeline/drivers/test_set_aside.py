"""A record that hangs or kills the real service in the ordered stage: it ends, is started, and goes on without the record."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.records import Subscription
from core.settings import Settings
from core.store import SubscriptionStore, open_store
from tests.pipeline.drivers.test_slow_lane import ROOT, append, compared, ends, replay

MOST_STARTS = 9
SERVICE = """
import os, sys, threading
from core.clock import wall_ms
from core.settings import load_settings
from core.store import StoreReader, open_store
from pathlib import Path
from pipeline.drivers.live import run_in_slices
from pipeline.ledger import in_hand
from pipeline.stories import stage
from pipeline.stories.alerts import AlertRule

difference, alerts_of = stage.difference, AlertRule.alerts_of

def hangs(before, after):
    if "hang" in after[0]:
        while True:
            pass
    return difference(before, after)

def dies(self, article, *args):
    if "kill" in article.title:
        os.abort()
    return alerts_of(self, article, *args)

if __name__ == "__main__":
    stage.difference, AlertRule.alerts_of = hangs, dies
    in_hand.CPU_SHARE = 0.03
    settings = load_settings(Path(sys.argv[1]))
    run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
"""


@pytest.mark.slow
def test_the_service_continues_without_records_that_hang_or_crash_the_ordered_stage(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), partitions=1, extraction_processes=0)
    store = open_store(settings.store)
    SubscriptionStore(store).save_subscriptions(
        [Subscription(id="everything", query="NOT zyzzyva")], now_ms=0, from_the_beginning=True
    )
    (tmp_path / "service.py").write_text(SERVICE, "utf-8")
    (tmp_path / "wirewatch.toml").write_text(
        f'data_dir = "{tmp_path}"\npartitions = 1\nextraction_processes = 0\norder_limit_s = 40.0\n', "utf-8"
    )
    # Only the second version of the first has something to compare.
    append(settings, "hang-1", "a", "hang-1", "b", "kill-1", "c")
    command = [sys.executable, str(tmp_path / "service.py"), str(tmp_path / "wirewatch.toml")]
    codes: list[int] = []
    said = ""
    while not codes or codes[-1] != 0:
        assert len(codes) <= MOST_STARTS
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        codes.append(done.returncode)
        said += done.stderr
    # Each ends the service twice, in an order that the slow lane may change. What was in its batch is not blamed for that.
    assert sorted(codes) == [-signal.SIGVTALRM, -signal.SIGVTALRM, -signal.SIGABRT, -signal.SIGABRT, 0]
    assert said.count("in hangs") >= 2
    assert said.count("in dies") >= 2
    assert ends(store) == {
        "hang-1": "published, rejected decide: set_aside",
        "a": "published",
        "b": "published",
        "kill-1": "rejected decide: set_aside",
        "c": "published",
    }
    assert compared(store, replay(settings, store)) == compared(store, "live")
    store.close()
