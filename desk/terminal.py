"""The terminal view: articles and alerts as they arrive, one line each."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo

from rich.console import Console
from rich.text import Text

from core.records import Alert, Article, Match, Outcome
from core.store import StoreReader

TOPIC_STYLES = ("cyan", "magenta", "green", "blue", "bright_red")
# Characters of context on either side of the first match.
CONTEXT = 40


class TerminalView:
    """Prints what a run has stored since the last call. Titles and texts are sanitized for terminals."""

    def __init__(
        self, reader: StoreReader, console: Console, *, names: Mapping[str, str] | None = None, zone: tzinfo = UTC
    ) -> None:
        self._reader, self._console, self._names, self._zone = reader, console, names or {}, zone
        self._seq = 0
        self._topic_styles: dict[str, str] = {}
        self._titles: dict[str, str] = {}

    def show_new(self) -> int:
        """Print what is new, and return the number of lines. Raises StoreError."""
        self._seq, articles, alerts, rejected = self._reader.since(self._seq)
        by_article: dict[str, list[Alert]] = {}
        for alert in alerts:
            by_article.setdefault(alert.article, []).append(alert)
        for article in articles:
            self._titles[article.id] = article.title
            self._console.print(self.article_line(article))
            for alert in by_article.pop(article.id, ()):
                self._console.print(self.alert_line(alert, article))
        for late in by_article.values():
            for alert in late:
                self._console.print(self.alert_line(alert, None))
        for outcome in rejected:
            self._console.print(self.rejection_line(outcome))
        return len(articles) + len(alerts) + len(rejected)

    def article_line(self, article: Article) -> Text:
        """Time, outlet, language, title, notes (edited, copy, already in feed), topics."""
        moment = article.fetched_at.astimezone(self._zone)
        line = Text(f"{moment:%H:%M:%S}  ", style="dim")
        line.append(f"{harmless(article.source):<10.10} {article.language or '??'}  ", style="dim")
        quiet = article.duplicate_of is not None or article.backfill
        line.append(harmless(article.title), style="dim" if quiet else "bold")
        if article.version > 1:
            line.append(f"  edited, version {article.version}", style="yellow")
        if article.duplicate_of is not None:
            line.append("  copy of ", style="dim")
            line.append(harmless(self._titles.get(article.duplicate_of, "an earlier article")), style="dim italic")
        if article.backfill:
            line.append("  already in feed", style="dim")
        for topic in article.topics:
            line.append(f"  {topic.topic}", style=self._style(topic.topic))
        return line

    def alert_line(self, alert: Alert, article: Article | None) -> Text:
        """The subscription that is alerted, and the matched words in context."""
        name = harmless(self._names.get(alert.subscription) or alert.subscription)
        line = Text("          ▲ ALERT ", style="bold white on red")
        line.append(f" {name}", style="bold red")
        if article is not None and alert.matches:
            line.append(": ")
            line.append_text(in_context(article, alert.matches))
        return line

    @staticmethod
    def rejection_line(outcome: Outcome) -> Text:
        """What was rejected, at which stage, and why."""
        return Text(
            f"          ✗ {harmless(outcome.item)}: {outcome.stage}: {harmless(outcome.reason or '')}", style="yellow"
        )

    def _style(self, topic: str) -> str:
        return self._topic_styles.setdefault(topic, TOPIC_STYLES[len(self._topic_styles) % len(TOPIC_STYLES)])


def in_context(article: Article, matches: Iterable[Match]) -> Text:
    """The first matched words with the text around them; all matches in it are marked."""
    ordered = sorted(matches, key=lambda match: (match.field != "title", match.start))
    first = ordered[0]
    whole = article.title if first.field == "title" else article.text
    start = max(0, first.start - CONTEXT)
    # Whole words: a truncated word reads as a misprint.
    start = 0 if start == 0 else whole.find(" ", start, first.start) + 1 or start
    end = min(len(whole), first.end + CONTEXT)
    end = end if end == len(whole) else max(whole.rfind(" ", first.end, end), first.end)
    line = Text("… " if start else "")
    at = start
    for match in ordered:
        if match.field == first.field and match.start >= at and match.end <= end:
            line.append(harmless(whole[at : match.start]))
            line.append(harmless(whole[match.start : match.end]), style="bold yellow")
            at = match.end
    line.append(harmless(whole[at:end]))
    line.append(" …" if end < len(whole) else "")
    return line


def harmless(text: str) -> str:
    """External text, made safe for a terminal: no control or direction-override characters, one line."""
    return "".join(
        " " if char in "\n\t\r\u2028\u2029" else char
        for char in text
        if char in "\n\t\r\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs")
    )
