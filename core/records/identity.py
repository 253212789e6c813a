"""Ids, which are hashes, and the canonical form of a URL, whose hash is the article's id (docs/architecture.md).

The same input gives the same id on every machine, in every run: BLAKE2b cut to 128 bits, as 32 hex digits, of parts
separated by a NUL.

The canonical form is a name, not an address to fetch: several addresses of one article (tracked, AMP, mobile, http)
give one name. The rules use only the URL, not the page (``rel=canonical`` is the publisher's claim and unknown before
parsing), and are the same for every site. They must not change once a store exists, since ids depend on them.

In order: unwrap AMP caches; scheme → https; host to lower-case ASCII, without user info, default port and ``www.``,
``m.``, ``mobile.``, ``amp.`` labels; path without repeated slashes, dot segments, ``amp`` parts, session ids,
``index.html`` and trailing slash; query without tracking parameters, sorted by name; no fragment except
``ITEM_FRAGMENT``. Percent-encoding: decoded if not needed, otherwise upper-case UTF-8.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import urlsplit

from core.normal import normalized

MAX_URL_CHARS = 8_192
"""Longer URLs are not parsed: they are returned stripped."""

MAX_HOST_CHARS = 255

TRACKING_PREFIXES = (
    "utm_",  # Google Analytics and most others
    "at_",  # AT Internet / Piano
    "ns_",  # comScore
    "pk_",  # Piwik, now
    "piwik_",
    "matomo_",
    "mtm_",
    "itm_",  # internal campaigns
    "hsa_",  # HubSpot ads
    "_hs",  # HubSpot mail (_hsenc, _hsmi)
    "__hs",
    "fb_",  # Facebook
    "ga_",
    "gaa_",  # Google's subscriber links
    "oly_",  # Omeda mail
    "vero_",
    "amp_",  # AMP viewers (amp_js_v, amp_gsa)
    "trk_",
    "wt_",  # Webtrekk / Mapp (wt_mc, wt_zmc)
    "stm_",
)
"""Prefixes of lower-cased names of parameters that never select an article."""

TRACKING_NAMES = frozenset(
    {
        # clicks on advertisements and shared links
        "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "msclkid", "yclid",
        "ysclid", "twclid", "ttclid", "li_fat_id", "igshid", "igsh", "epik", "srsltid", "__twitter_impression",
        "guccounter", "guce_referrer", "guce_referrer_sig", "action_object_map", "action_type_map", "action_ref_map",
        # analytics and mail
        "_ga", "_gl", "_openstat", "mkt_tok", "mbid", "ncid", "ocid", "icid", "cmpid", "cmp", "s_cid", "xtor", "wprov",
        "spm", "mc_cid", "mc_eid", "hsctatracking", "ml_subscriber", "ml_subscriber_hash", "ck_subscriber_id",
        "rb_clickid", "sc_campaign", "sc_src", "smid", "smtyp", "emc", "traffic_source", "reflink", "sr_share",
        "share_id", "ito", "taid", "cx_testid", "cx_testvariant",
        # AMP viewers
        "amp", "_amp", "usqp", "isamp",
        # sessions
        "phpsessid", "jsessionid",
    }
)  # fmt: skip
"""Parameters that never select an article, by lower-cased name."""

REFERRER_NAMES = frozenset(
    {"ref", "referer", "referrer", "source", "src", "from", "partner", "mod", "feed", "via", "origin"}
)
"""Parameters that are dropped only if their value names a kind of referrer: otherwise they may have a meaning."""

_REFERRER_VALUE = re.compile(
    r"rss[\w.-]*|(?:feed|atom)(?:[-_.][\w.-]*|\d*)|twitter|facebook|linkedin|whatsapp|telegram|newsletter|e?mail"
    r"|google_?news|home(?:page)?|social|share",
    re.IGNORECASE | re.ASCII,
)

AMP_CHOICES = frozenset(
    {"outputtype", "output", "output_type", "view", "format", "type", "layout", "mode", "tpl", "template"}
)
"""Parameters that are dropped if their value is ``amp``."""

_MOBILE_LABELS = frozenset({"www", "m", "mobile", "amp"})
# `amp.com.au` is a name, not the AMP host of `com.au`: below such a pair, one more label is kept.
_SECOND_LEVEL = frozenset(
    {"co", "com", "org", "net", "gov", "gob", "gouv", "edu", "ac", "or", "go", "ne", "info", "mil", "nom"}
)
_INDEX_FILES = frozenset({"index.html", "index.htm", "index.php"})

_EDGE = "".join(map(chr, range(0x21))) + "\x7f"
ITEM_FRAGMENT = "wirewatch-item"
"""Begins the fragment that we add to the address of an item if several items share its link: the only fragment that counts."""

_ITEM = re.compile(rf"{ITEM_FRAGMENT}=[0-9a-f]{{32}}")
_PLAIN = re.compile(
    r"https?://(?P<host>[a-z0-9]+(?:[.-][a-z0-9]+)*)"
    r"(?P<behind>(?::(?P<port>[1-9]\d{0,3}))?(?:/[A-Za-z0-9_~-]+)+(?:\.html?|\.php)?)",
    re.ASCII,
)
_LINE_CHARS = re.compile(r"[\t\r\n]")
_SCHEME = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_~-]+(?:\.[a-z0-9_~-]+)*")
_HOST_AND_PORT = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?", re.IGNORECASE)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_GOOGLE = re.compile(r"(?:google\.(?:com|[a-z]{2,3})(?:\.[a-z]{2})?|bing\.com)")
_AMP_CACHES = ("cdn.ampproject.org", "ampproject.net")
_SESSION = re.compile(r";jsessionid=.*", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _unsafe(further: str) -> re.Pattern[str]:
    """Matches what may need another encoding in a URL's part: %XX, and characters that are neither unreserved nor these."""
    safe = "".join(map(re.escape, sorted(_UNRESERVED | frozenset(further))))
    return re.compile(rf"%([0-9A-Fa-f]{{2}})|([^{safe}])")


_PATH_UNSAFE = _unsafe("!$&'()*+,;=:@/")
_QUERY_UNSAFE = _unsafe("!$'()*,;:@/?=")


def canonical_url(url: str) -> str:
    """The canonical form of ``url``; text that is not an http(s) URL is returned stripped. Never raises.

    Idempotent. A port other than 80 and 443 stays, so that test servers on one machine are distinct.
    """
    text = url.strip().strip(_EDGE).strip()
    if len(text) > MAX_URL_CHARS:
        return text
    try:
        return _canonical(text) or text
    except ValueError:  # raised by urlsplit and the punycode codec
        return text


# Each item of a feed is looked up twice or more. The cache is small, since a URL may have MAX_URL_CHARS.
@lru_cache(maxsize=512)
def _canonical(text: str) -> str | None:
    """The canonical form, or None if ``text`` is not an http(s) URL. Raises ValueError for a malformed one."""
    return _plain(text) or _whole(text)


def _plain(text: str) -> str | None:
    """The canonical form of a URL that is only a host and a path of plain words; ``_whole`` would take six times as long."""
    found = _PLAIN.fullmatch(text)
    # URLs with AMP parts or an index file are left to ``_whole``.
    if (
        found is None
        or "amp" in found["behind"]
        or "ampproject" in text
        or "/index." in text
        or found["port"] in ("80", "443")
    ):
        return None
    host = _host(found["host"])
    return None if host is None else f"https://{host}{found['behind']}"


def _whole(text: str) -> str | None:
    text = _LINE_CHARS.sub("", text)
    while True:
        scheme = _SCHEME.match(text)
        if not scheme:
            return None
        split = urlsplit("https://" + text[scheme.end() :])
        host = _host(split.hostname or "")
        if host is None:
            return None
        port = split.port
        segments = _segments(split.path)
        inner = _unwrapped(host, segments)
        if inner is None:
            break
        text = f"https://{inner}" + (f"?{split.query}" if split.query else "") + f"#{split.fragment}"
    netloc = host if port in (None, 80, 443) else f"{host}:{port}"
    path = "/".join(_article_path(segments))
    query = _query(split.query)
    item = f"#{split.fragment}" if _ITEM.fullmatch(split.fragment) else ""
    return f"https://{netloc}/{path}" + (f"?{query}" if query else "") + item


# The items of a feed have one host or a few.
@lru_cache(maxsize=256)
def _host(raw: str) -> str | None:
    """The host in lower-case ASCII, without the labels that select a presentation; None if it can't be a host."""
    if not raw or len(raw) > MAX_HOST_CHARS:
        return None
    if ":" in raw:  # urlsplit has checked the brackets
        return f"[{raw.lower()}]" if re.fullmatch(r"[0-9a-fA-F:.]+", raw) else None
    folded = normalized("NFKC", normalized("NFKC", raw).lower()).replace("。", ".")
    labels = [_ascii_label(label) for label in folded.split(".") if label]
    host = ".".join(labels)
    if not _HOST.fullmatch(host):
        return None
    if _IPV4.fullmatch(host):
        return host
    kept = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join([label for label in labels[:-kept] if label not in _MOBILE_LABELS] + labels[-kept:])


def _ascii_label(label: str) -> str:
    # Not the standard library's "idna" codec: that is IDNA 2003, which changes hosts with ß or final sigma.
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii").lower()


def _unwrapped(host: str, segments: list[str]) -> str | None:
    """Host and path, without scheme, of the page behind an AMP cache's URL; None if it is not such a URL."""
    if _GOOGLE.fullmatch(host):
        if segments[:1] != ["amp"]:
            return None
    elif not any(host == cache or host.endswith("." + cache) for cache in _AMP_CACHES):
        return None
    rest = segments[1:]  # after "amp", or the cache's kind of resource ("c", "v", "i")
    if rest[:1] == ["s"]:
        rest = rest[1:]
    return "/".join(rest) if rest and _HOST_AND_PORT.fullmatch(rest[0]) else None


def _segments(path: str) -> list[str]:
    """The parts of a path, with percent-encoding normalised, without empty parts and dot segments."""
    parts: list[str] = []
    for part in _encoded(path, _PATH_UNSAFE).split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _article_path(segments: list[str]) -> list[str]:
    """The parts without AMP marks, session ids and index files, repeated until nothing changes."""
    while True:
        parts = [_SESSION.sub("", part) for part in segments]
        parts = [part for part in parts if part not in ("", ".", "..", "amp")]
        if parts:
            last = parts[-1]
            if last in _INDEX_FILES:
                parts.pop()
            elif last.endswith(".amp.html"):
                parts[-1] = last.removesuffix(".amp.html") + ".html"
            elif last.endswith(".amp"):
                parts[-1] = last.removesuffix(".amp")
        if parts == segments:
            return parts
        segments = parts


def _query(raw: str) -> str:
    kept: list[tuple[str, str]] = []
    for piece in raw.split("&"):
        text = _encoded(piece.replace("+", "%20"), _QUERY_UNSAFE)
        # Double escaping in feeds leaves "&amp;name=value".
        while text.startswith("amp;"):
            text = text.removeprefix("amp;")
        name, _, value = text.partition("=")
        if text and not _is_tracking(name.lower(), value):
            kept.append((name, text))
    # By name only: the order of values with the same name may have a meaning.
    return "&".join(text for _, text in sorted(kept, key=lambda item: item[0]))


def _is_tracking(name: str, value: str) -> bool:
    if name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES):
        return True
    if name in AMP_CHOICES and value.lower() == "amp":
        return True
    return name in REFERRER_NAMES and _REFERRER_VALUE.fullmatch(value) is not None


def _encoded(text: str, unsafe: re.Pattern[str]) -> str:
    """``text`` with unreserved characters unescaped, and other unsafe ones as %XX of their UTF-8."""

    def one(found: re.Match[str]) -> str:
        if found[1]:
            char = chr(int(found[1], 16))
            return char if char in _UNRESERVED else f"%{found[1].upper()}"
        return "".join(f"%{byte:02X}" for byte in found[2].encode("utf-8", "surrogatepass"))

    return unsafe.sub(one, text)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def article_id(url: str) -> str:
    """Id of the article at ``url`` (final, after redirects), which is also the key of its records on the raw stream."""
    return article_id_at(canonical_url(url))


def article_id_at(canonical: str) -> str:
    """The same for a URL that is canonical already, as ``Article.canonical_url`` is."""
    return _digest("article", canonical)


def raw_hash(value: bytes) -> str:
    """Digest of a raw record's bytes, the tie-breaker of the order key."""
    return hashlib.blake2b(value, digest_size=16).hexdigest()


def version_hash(title: str, text: str) -> str:
    """Digest of the visible content: title and text in NFKC, with each run of white space as one space."""
    normal = (" ".join(normalized("NFKC", part).split()) for part in (title, text))
    return _digest("version", *normal)


def alert_id(subscription: str, story: str, reason: str, parameter: str = "") -> str:
    """Id of an alert. The same news for the same subscription is one alert, however often it is computed."""
    return _digest("alert", subscription, story, reason, parameter)


def split_story_id(article: str, decision: int) -> str:
    """Id of the story that begins when ``decision`` splits an article from another story; no article has this id."""
    return _digest("split", article, str(decision))
