"""The built-in kinds of channels hold to the contract that others must hold to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from core.errors import UsageError
from desk.delivery.channels import ChannelKind, Options, Trouble, configured, kind_named
from desk.delivery.channels.chat import ChatKind
from desk.delivery.channels.mail import MailKind
from desk.delivery.channels.testing import ChannelContract, sample_options
from desk.delivery.channels.webhook import WebhookKind
from desk.delivery.channels.webpush import WebPushKind, address_of
from desk.delivery.render import Notice
from tests.desk.delivery.push_service import Browser, push_service
from tests.desk.delivery.support import SECRET, mail_server, receiving


class TestWebhook(ChannelContract):
    kind = WebhookKind()
    installed = "webhook"
    address = "https://hooks.outlet.example/in/s3cret-path?key=hunter22"
    unusable = ("http://", "https://[")
    secrets = ("s3cret-path", "hunter22")

    def receive(self) -> AbstractContextManager[tuple[str, Sequence[Any]]]:
        @contextmanager
        def running() -> Iterator[tuple[str, Sequence[Any]]]:
            with receiving() as receiver:
                yield receiver.url, receiver.got

        return running()


class TestMail(ChannelContract):
    kind = MailKind()
    installed = "mail"
    address = "smtps://ann:hunter22@mail.outlet.example/?to=ann@outlet.example"
    unusable = ("mailto:", "mailto:ann", "smtp://ann:hunter22@/?to=a@b.example")
    secrets = ("hunter22",)

    def receive(self) -> AbstractContextManager[tuple[str, Sequence[Any]]]:
        @contextmanager
        def running() -> Iterator[tuple[str, Sequence[Any]]]:
            with mail_server() as box:
                yield f"smtp://127.0.0.1:{box.port}/?security=none&to=ann@outlet.example", box.mails

        return running()


class TestChat(ChannelContract):
    kind = ChatKind()
    installed = "chat"
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"
    unusable = ("slack://short", "nothing://x", "dbus://")
    secrets = ("TIiajkdnlazkcOXrIdevi7FQ",)

    def receive(self) -> AbstractContextManager[tuple[str, Sequence[Any]]]:
        @contextmanager
        def running() -> Iterator[tuple[str, Sequence[Any]]]:
            with receiving() as receiver:
                yield receiver.url.replace("http://", "json://"), receiver.got

        return running()


class TestWebPush(ChannelContract):
    kind = WebPushKind()
    installed = "webpush"
    address = address_of(**Browser("https://push.outlet.example/send/s3cret-token").keys)
    unusable = (
        "webpush:",
        "webpush:ann-and-her-devices",
        address_of(**Browser("ftp://push.outlet.example/send/1").keys),
        address_of(**Browser("https://push.outlet.example/send/1").keys | {"p256dh": "AAAA"}),
        address_of(**Browser("https://push.outlet.example/send/1").keys | {"auth": "AAAA"}),
        address_of(**Browser("https://push.outlet.example/\u0430").keys),
        address_of(**Browser("https://ann:hunter22@push.outlet.example/").keys),
        address_of(**Browser("https://push.outlet.example/" + "a" * 2_000).keys),
    )
    secrets = ("s3cret-token",)

    def receive(self) -> AbstractContextManager[tuple[str, Sequence[Any]]]:
        @contextmanager
        def running() -> Iterator[tuple[str, Sequence[Any]]]:
            with push_service() as service:
                browser = service.browser()
                yield address_of(**browser.keys), browser.shown

        return running()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("mailto:ann@outlet.example", "mail"),
        ("mailto://127.0.0.1:25/?from=desk@wire.example&to=ann@outlet.example&mode=insecure", "chat"),
        ("HTTPS://hooks.outlet.example/", "webhook"),
        ("json://hooks.outlet.example/", "chat"),
        (TestWebPush.address, "webpush"),
    ],
)
def test_an_address_goes_to_one_kind(address: str, kind: str) -> None:
    assert configured(address)[0] == kind


def test_options_are_those_of_the_kind() -> None:
    assert configured("https://hooks.outlet.example/", {"secret": SECRET})[1] == (
        {"url": "https://hooks.outlet.example/", "secret": SECRET},
        "",
    )
    with pytest.raises(UsageError, match="a mail channel has no option 'secret'"):
        configured("mailto:ann@outlet.example", {"secret": SECRET})
    with pytest.raises(UsageError, match="whsec_"):
        configured("https://hooks.outlet.example/", {"secret": "short"})


def test_a_kind_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(UsageError, match="there is no kind of channel 'telex'"):
        kind_named("telex")


class FolderKind(ChannelKind):
    """A file a notice, named for it: a notice that comes again changes nothing."""

    schemes = ("folder",)

    def open(self, channel: Any, options: Options) -> Any:
        folder = Path(channel.config["url"].removeprefix("folder:"))

        class Folder:
            def send(self, notice: Notice) -> None:
                try:
                    (folder / notice.id).write_text(notice.subject)
                except OSError as error:
                    raise Trouble("the folder can't be written") from error

            def close(self) -> None:
                pass

        return Folder()


class TestFolder(ChannelContract):
    kind = FolderKind()
    address = "folder:/var/alerts"

    @contextmanager
    def receive(self) -> Iterator[tuple[str, Sequence[Any]]]:
        class Files(list[Any]):
            def __len__(self) -> int:
                return len(list(Path(folder).iterdir()))

        with TemporaryDirectory() as folder:
            yield f"folder:{folder}", Files()


class Shouting(ChannelKind):
    """Breaks the contract in every way that the suite looks for."""

    schemes = ("shout",)

    def configure(self, address: str, options: Any) -> Any:
        if address.endswith("!"):
            raise UsageError(f"bad address {address}")
        return super().configure(address, options)

    def open(self, channel: Any, options: Options) -> Any:
        raise RuntimeError

    def shown(self, config: Any) -> str:
        return str(config["url"])


class BrokenContract(ChannelContract):
    kind = Shouting()
    address = "shout://hunter22@host"
    unusable = ("shout://hunter22!",)
    secrets = ("hunter22",)


@pytest.mark.parametrize(
    "test",
    [
        "test_an_unusable_address_is_refused_without_being_shown",
        "test_what_is_stored_can_be_opened_and_closed",
        "test_no_secret_is_shown",
    ],
)
def test_the_contract_notices_what_breaks_it(test: str) -> None:
    with pytest.raises((AssertionError, RuntimeError)):
        getattr(BrokenContract(), test)()
    assert sample_options().timeout_s == 1.0
