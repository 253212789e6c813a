"""Identifies the sender of a push with a key pair of this installation (RFC 8292, VAPID).

A browser binds its subscription to the public key, and its push service accepts only messages signed with the private key.
The private key is 32 bytes in Base64url; it is a secret, and is kept only in the store (``desk.delivery.store.devices``).
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

from core.errors import UsageError

VALID_S = 12 * 3_600
"""How long a signature is valid. RFC 8292 allows a day, but clocks differ."""


def new_private_key() -> str:
    """A new private key."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _text(number.to_bytes(32, "big"))


def public_key(private: str) -> str:
    """The public key for a private key, in the form that browsers expect: an uncompressed P-256 point in Base64url."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = _signer(private).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _text(point)


def authorization(private: str, endpoint: str, contact: str, now_ms: int) -> str:
    """The ``Authorization`` header for a push to ``endpoint``. ``contact``: a mail address for push services.

    Raises UsageError if the endpoint or the contact can't be signed for.
    """
    from py_vapid import VapidException

    address = urlsplit(endpoint)
    claims = {
        "aud": f"{address.scheme}://{address.netloc}",
        "exp": now_ms // 1_000 + VALID_S,
        "sub": f"mailto:{contact}",
    }
    try:
        return str(_signer(private).sign(claims)["Authorization"])
    except VapidException as error:
        raise UsageError("a push can't be signed for this address or sender", hint="look at smtp_from") from error


def _signer(private: str) -> Any:
    # cryptography takes a twentieth of a second to load, and few commands need it.
    from py_vapid import Vapid02

    return Vapid02.from_raw(private.encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
