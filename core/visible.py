"""Characters that act on the program or person that reads a text: controls, escape sequences, marks that change the
writing direction.

A terminal obeys them, and they can deceive a reader of an address. ``shown`` is for terminals and logs, ``escaped`` for
JSON, ``check_visible`` for input from a person or a program.
"""

from __future__ import annotations

import io
import re
from typing import Any, TextIO

from core.errors import UsageError

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 except tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction: marks, embeddings, overrides, isolates
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # other invisible formats, tags
    "\ud800-\udfff"  # surrogates, which can't be encoded
)
_ACTING = re.compile(f"[{_UNSEEN}]")
_ACTING_OR_BREAK = re.compile(f"[{_UNSEEN}\t\n]")


def shown(text: str) -> str:
    """``text`` with a replacement character for each that acts on a terminal. Tabs and line feeds stay. Idempotent."""
    return _ACTING.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(json: str) -> str:
    """JSON with such characters escaped: the same value. They occur only in strings, so the text stays JSON."""
    return _ACTING.sub(lambda found: _escape(found[0]), json)


def escaped_toml(toml: str) -> str:
    """TOML with such characters as long escapes; they must occur only in basic strings."""
    return _ACTING.sub(lambda found: f"\\U{ord(found[0]):08x}", toml)


def referenced(xml: str) -> str:
    """XML with such characters as references. Those that XML does not allow at all are left out."""
    return _ACTING.sub(lambda found: f"&#x{ord(found[0]):X};", xml)


def _escape(char: str) -> str:
    if char <= "\uffff":
        return f"\\u{ord(char):04x}"
    high, low = divmod(ord(char) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


class CleanStream(io.TextIOBase):
    """stdout or stderr, without characters that act on a terminal. A writer that cleans its own texts uses ``behind``."""

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def write(self, text: str) -> int:
        """Write ``text`` without such characters."""
        self.behind.write(shown(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)

    # TextIOBase defines these itself, so __getattr__ is not called for them.
    def flush(self) -> None:
        """Flush the stream behind."""
        self.behind.flush()

    def close(self) -> None:
        """Close the stream behind."""
        self.behind.close()

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self.behind.isatty()

    def fileno(self) -> int:
        """The file descriptor of the stream behind."""
        return self.behind.fileno()

    def writable(self) -> bool:
        """True."""
        return True

    @property
    def closed(self) -> bool:
        """Whether the stream behind is closed."""
        return self.behind.closed

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind."""
        return str(self.behind.encoding)

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The error handling of the stream behind."""
        return self.behind.errors


def behind(stream: TextIO) -> TextIO:
    """The stream itself, for writers that emit their own escape sequences and clean all other text."""
    return stream.behind if isinstance(stream, CleanStream) else stream


def check_visible(what: str, text: str) -> None:
    """Raise UsageError, naming ``what`` and the first such character, if ``text`` contains one or has more than one line."""
    if found := _ACTING_OR_BREAK.search(text):
        raise UsageError(
            f"{what} holds U+{ord(found[0]):04X} at position {found.start() + 1}, which can't be seen: {shown(text)[:200]!r}",
            hint="give it without characters that can't be seen",
        )
