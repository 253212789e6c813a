"""The tests that every kind of channel must pass, for use in the tests of a package with a kind.

Subclass ``ChannelContract`` in a test module and give addresses of the kind; pytest does the rest::

    class TestPager(ChannelContract):
        kind = PagerKind()
        address = "pager://token-7f3a@pager.example/night"
        unusable = ("pager:", "pager://no-token")
        secrets = ("token-7f3a",)

Two more tests run if the class overrides ``receive``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, ClassVar

from core.errors import UsageError
from core.records import Alert, Subscription, from_ms
from core.records.alert import News, Snippet
from desk.delivery.channels.base import ChannelKind, Options, Trouble
from desk.delivery.channels.kinds import kinds
from desk.delivery.plan import Verdict, delivery
from desk.delivery.render import Notice, Renderer
from desk.delivery.secrets import redacted, secrets_of, shown_address
from desk.delivery.store.channels import Channel, key_of
from desk.delivery.store.queue import Message
from desk.delivery.vapid import new_private_key

NOON_MS = 1_772_452_800_000
HOSTILE = "<script>alert(1)</script> @everyone \u202e\r\nBcc: all@outlet.example {{ 7*7 }}"


def sample_notice(kind: str = "alert", notice: str = "sample", **fields: Any) -> Notice:
    """A notice of one alert, as the service passes it to a channel. ``fields`` replaces fields of the alert.

    Notices with different ``kind`` or ``notice`` have different ids.
    """
    alert = Alert(
        **{
            "id": "alert",
            "run": "live",
            "subscription": "ports",
            "subscription_version": 1,
            "story": "story",
            "article": "article",
            "reason": "story",
            "parameter": "",
            "raised_at": from_ms(NOON_MS),
            "url": "https://outlet.example/1",
            "title": "Grain leaves Odesa",
            "source": "post",
            "news": (News("story", "Grain leaves Odesa"),),
            "snippets": (Snippet("text", "the grain left at dawn", ((4, 9),)),),
            "clause": "grain",
            **fields,
        }
    )
    message = Message(
        id=key_of(notice, kind),
        channel="sample",
        subscription="ports",
        kind=kind,  # type: ignore[arg-type]
        level="normal",
        queued_ms=NOON_MS,
    )
    parts = [delivery(alert, "sample", kind, Verdict("queued", NOON_MS), NOON_MS)]
    subscription = Subscription(id="ports", query="grain", name="Ports", owner="ann")
    return Renderer().render(message, parts, subscription)


def sample_options(**changed: Any) -> Options:
    """An installation's options for channels: with a fixed clock, and this machine's addresses allowed."""
    ticks = iter(range(1_000_000))
    made: dict[str, Any] = {
        "clock_ms": lambda: NOON_MS,
        "monotonic": lambda: next(ticks) / 1_000,
        "allowed": frozenset({"127.0.0.1", "localhost"}),
        "timeout_s": 1.0,
        "total_s": 3.0,
        "push_key": _push_key,
    }
    return Options(**{**made, **changed})


@cache
def _push_key() -> str:
    return new_private_key()


class ChannelContract:
    """Tests of one kind. ``address``: one that it accepts; ``unusable``: addresses of its form that can't be used; ``secrets``:
    the secret parts of ``address``.

    ``installed`` is the name of its entry point, if the tests run where the package is installed.
    """

    kind: ClassVar[ChannelKind]
    address: ClassVar[str]
    unusable: ClassVar[Sequence[str]] = ()
    secrets: ClassVar[Sequence[str]] = ()
    installed: ClassVar[str] = ""

    def test_an_address_of_its_form_is_taken_and_others_are_not(self) -> None:
        """``takes`` checks only the form, and never raises."""
        _check(self.kind.takes(self.address), "its own address is not taken")
        for odd in ("", ":", "\0", "http://[", "no-such-scheme://x", "é:" * 1_000):
            _check(self.kind.takes(odd) in (True, False), f"takes({odd!r}) is neither True nor False")

    def test_an_unusable_address_is_refused_without_being_shown(self) -> None:
        """``configure`` raises UsageError, without a secret in it."""
        for address in self.unusable:
            _check(self.kind.takes(address), f"{address!r} is not of its form: give one that is")
            try:
                self.kind.configure(address, {})
            except UsageError as error:
                rest = address.partition(":")[2]
                # A short one may be part of the hint's example.
                _check(len(rest) < 8 or rest not in str(error), "the message shows the address")
                continue
            raise AssertionError(f"{address!r} was not refused")

    def test_what_is_stored_can_be_opened_and_closed(self) -> None:
        """Opening makes no connection, and closing twice is allowed."""
        carrier = self.kind.open(self.channel(self.address), sample_options())
        carrier.close()
        carrier.close()

    def test_no_secret_is_shown(self) -> None:
        """No secret is in lists, or in an error message that repeats the address."""
        channel = self.channel(self.address)
        given = [*self.secrets, *(value for name, value in channel.config.items() if name == "secret")]
        shown = self.kind.shown(channel.config) + "".join(self.kind.public(channel.config))
        for secret in given:
            _check(secret not in shown, "what it shows holds a secret")
        if self.installed:
            said = shown_address(channel) + redacted(f"could not reach {self.address}: no", channel)
            for secret in given:
                _check(secret not in said, "an error message holds a secret")
                _check(any(secret in one for one in secrets_of(channel)), f"{secret!r} does not count as secret")

    def test_the_installed_kind_is_this_one(self) -> None:
        """The entry point leads to the class, and its address leads to the entry point."""
        if self.installed:
            found = kinds()
            _check(type(found.get(self.installed)) is type(self.kind), "the entry point names another class")
            first = next(name for name, kind in found.items() if kind.takes(self.address))
            _check(first == self.installed, f"its address is taken by {first!r}: give it a lower rank")

    def test_every_sort_of_notice_arrives(self) -> None:
        """An alert, a digest, a kill notice, a test, and a notice with hostile texts each make one message."""
        receiving = self.receive()
        if receiving is None:
            return
        with receiving as (address, got):
            carrier = self.kind.open(self.channel(address), sample_options())
            for number, kind in enumerate(("alert", "digest", "kill", "test"), start=1):
                carrier.send(sample_notice(kind))
                _check(len(got) == number, f"a notice of kind {kind} did not arrive")
            # With a new id, since a channel may drop a notice that it has sent already.
            carrier.send(sample_notice("alert", notice="hostile", title=HOSTILE, source=HOSTILE))
            _check(len(got) == number + 1, "a notice with hostile texts did not arrive")
            carrier.close()

    def test_a_receiver_that_is_away_is_trouble(self) -> None:
        """``send`` raises Trouble, without the address in its words, and says whether a retry may succeed."""
        receiving = self.receive()
        if receiving is None:
            return
        with receiving as (address, _):
            pass
        carrier = self.kind.open(self.channel(address), sample_options())
        try:
            carrier.send(sample_notice())
        except Trouble as trouble:
            _check(bool(trouble.words.strip()), "the trouble has no words")
            _check(address not in trouble.words, "the trouble shows the address")
        else:
            raise AssertionError("a receiver that is away took the message")
        finally:
            carrier.close()

    def receive(self) -> AbstractContextManager[tuple[str, Sequence[Any]]] | None:
        """A receiver that runs within the context: (its address, what it has received so far). None if there is none."""
        return None

    def channel(self, address: str) -> Channel:
        """A channel of the kind."""
        made = self.kind.configure(address, {})
        return Channel(name="sample", kind=self.installed or "sample", config=made.config)


def _check(holds: bool, problem: str) -> None:
    if not holds:
        raise AssertionError(problem)
