"""Writes messages: subject, text, HTML, the short form for chats, and the JSON of webhooks.

Templates are Jinja2 (``templates/``); a folder of custom templates may replace any of them by name. HTML is escaped
automatically. The content of a message is untrusted: control characters and changes of direction are removed from texts.
A message is in the current language (``desk.language``). Articles keep their own language, and the JSON of webhooks has no
translated words except a subject. A message is rendered identically at every try, unless its template or its receiver's
language was changed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import UsageError
from core.records import Alert, Subscription, from_ms
from core.records.alert import Snippet
from desk import language
from desk.delivery.store.channels import Delivery, key_of
from desk.delivery.store.queue import Message
from desk.delivery.times import zone_of
from desk.labels import label_words
from desk.terminal import harmless
from desk.views.briefing import Briefing, facts_of, joined
from desk.views.wording import COUNTED, REASONS, news_text

SUBJECT_CHARS = 180
SCHEMA = 1


@dataclass
class Notice:
    """One message to send. ``id`` is its idempotency key; ``thread`` groups messages on one story.

    ``remarks``: a channel's remarks on a message that was sent. ``pdf`` makes the file attached to its mail.
    """

    id: str
    kind: str
    subscription_id: str
    subscription_name: str
    owner: str
    subject: str
    thread: str
    at_ms: int
    template: Callable[[str], str]
    alerts: tuple[Alert, ...] = ()
    remarks: list[str] = field(default_factory=list)
    pdf: Callable[[], bytes] | None = None

    # Rendered only if a channel needs them: a webhook needs none. They raise UsageError as ``render`` does.
    @cached_property
    def text(self) -> str:
        """The message as plain text."""
        return self.template("message.txt").strip() + "\n"

    @cached_property
    def html(self) -> str:
        """The message as an HTML page."""
        return self.template("message.html")

    @cached_property
    def chat(self) -> str:
        """The short form of the message, for chats."""
        return self.template("chat.txt").strip()

    @cached_property
    def push(self) -> str:
        """The message as the title of a notification."""
        return self.template("push.txt").strip()

    def payload(self) -> dict[str, Any]:
        """The JSON for a webhook, as in ``docs/alert.schema.json``."""
        alerts: list[dict[str, Any]] = msgspec.to_builtins(self.alerts)
        for one in alerts:
            del one["matches"], one["told"], one["channels"]
        return {
            "schema": SCHEMA,
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "subscription": {"id": self.subscription_id, "name": self.subscription_name, "owner": self.owner},
            "alerts": alerts,
        }


@lru_cache(maxsize=8)
def _environment(folder: str) -> ImmutableSandboxedEnvironment:
    """Our templates, or those of the same names in ``folder``. A template is compiled once in a process, unless it changes."""
    own = str(Path(__file__).parent / "templates")
    made = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader([folder, own] if folder else [own]),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # These use the language that is current when a template is rendered, and escape values in pages.
    made.install_gettext_callables(  # type: ignore[attr-defined]
        lambda sentence: language.catalogue(language.current()).gettext(sentence),
        lambda one, many, count: language.catalogue(language.current()).ngettext(one, many, count),
        newstyle=True,
    )
    made.globals |= {"language": language.current, "direction": language.direction, "facts": facts_of}
    made.filters |= {"pieces": pieces, "one_line": one_line, "web": web_address, "joined": joined}
    made.filters |= {"number": language.number, "listed": language.listed, "label": label_words}
    made.filters["reason"] = partial(language.in_words, REASONS)
    made.filters["news_text"] = news_text
    return made


class Renderer:
    """Renders messages. ``folder``: custom templates. ``link``: the desk's address, for links to its alerts."""

    def __init__(self, folder: str = "", link: str = "") -> None:
        if folder and not Path(folder).is_dir():
            raise UsageError(f"{folder}: no such folder of templates")
        self._link = link.rstrip("/")
        self._environment = _environment(folder)

    def render(self, message: Message, deliveries: Sequence[Delivery], subscription: Subscription | None) -> Notice:
        """The notice for a message. Raises UsageError if a template fails, naming it."""
        alerts = tuple(one.content for one in deliveries)
        name = harmless((subscription.name if subscription else "") or message.subscription) or "Wirewatch"
        zone = zone_of(subscription.schedule.zone if subscription else "UTC")
        context: dict[str, Any] = {
            "kind": message.kind,
            "name": name,
            "alerts": [_view(one, zone) for one in alerts],
            "link": self._link,
            "zone": str(zone),
            "reference": message.id[:12],
        }

        template = self._filled(context)
        stories = {one.story for one in alerts}
        return Notice(
            id=message.id,
            kind=message.kind,
            subscription_id=message.subscription,
            subscription_name=name,
            owner=subscription.owner if subscription else "",
            subject=harmless(template("subject.txt")).strip()[:SUBJECT_CHARS],
            template=template,
            thread=key_of("thread", message.subscription, *stories) if len(stories) == 1 else "",
            at_ms=message.queued_ms,
            alerts=alerts,
        )

    def briefing(self, made: Briefing, zone: str, *, id: str = "", at_ms: int = 0) -> Notice:  # noqa: A002
        """A briefing as a message, with times in ``zone``. Raises UsageError if a template fails, naming it."""
        local = zone_of(zone)
        context = {
            "view": made,
            "clock": lambda ms: f"{from_ms(ms).astimezone(local):%Y-%m-%d %H:%M}",
            "link": self._link,
            "zone": zone,
        }
        filled = self._filled(context)
        names = {"message.txt": "briefing.txt", "message.html": "briefing.html", "chat.txt": "briefing.txt"}
        until = from_ms(made.until_ms).astimezone(local)
        subject = language.gettext(
            "[Wirewatch] Briefing, %(time)s: %(stories)s",
            time=f"{language.day(until, weekday=True)} {language.hour_and_minute(until)}",
            stories=COUNTED["story"](made.stories),
        )
        return Notice(
            id=id,
            kind="briefing",
            subscription_id="briefing",
            subscription_name=language.gettext("Briefing"),
            owner="",
            subject=subject,
            template=lambda name: filled(names[name]),
            thread="",
            at_ms=at_ms,
        )

    def _filled(self, context: dict[str, Any]) -> Callable[[str], str]:
        """A function that renders the template with a given name; it raises UsageError if the template fails, naming it."""

        def template(name: str) -> str:
            try:
                return self._environment.get_template(name).render(context)
            except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                raise UsageError(f"template {name}: {error}") from error
            except RecursionError as error:
                raise UsageError(f"template {name}: it includes itself without end") from error

        return template


def one_line(text: str) -> str:
    """An untrusted text on one line, without control characters and direction overrides."""
    return " ".join(harmless(text).split())


def web_address(url: str) -> str:
    """The address if it is http or https, else ""."""
    return harmless(url) if url.startswith(("http://", "https://")) else ""


def pieces(snippet: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """A snippet as (text, whether it matched), in reading order."""
    at, text = 0, snippet["text"]
    for start, end in snippet["spans"]:
        if start > at:
            yield harmless(text[at:start]), False
        yield harmless(text[start:end]), True
        at = end
    if at < len(text):
        yield harmless(text[at:]), False


def _view(alert: Alert, zone: Any) -> dict[str, Any]:
    """An alert for templates: plain values, sanitized texts, local times."""
    shown: dict[str, Any] = _harmless(msgspec.to_builtins(msgspec.structs.replace(alert, matches=(), snippets=())))
    shown["snippets"] = [_snippet(one) for one in alert.snippets]
    for name in ("raised_at", "published_at", "fetched_at"):
        moment: datetime | None = getattr(alert, name)
        shown[name] = f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment is not None else ""
    shown["url"] = alert.url if alert.url.startswith(("http://", "https://")) else ""
    return shown


def _snippet(one: Snippet) -> dict[str, Any]:
    # The spans count the original characters, so each piece is sanitized separately.
    return {"field": one.field, "text": one.text, "spans": list(one.spans)}


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {key: _harmless(one) for key, one in value.items()}
    return [_harmless(one) for one in value] if isinstance(value, list | tuple) else value
