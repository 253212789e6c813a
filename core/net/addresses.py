"""What an address by itself tells: whether it can be a public server's, and which others belong to the same customer. Pure.

``SPECIAL`` is the one table of addresses that no publisher's server has: IANA's special-purpose registries for IPv4 and IPv6
(RFC 6890, as of November 2026), multicast, and what is left of retired forms. Python's own tables are as old as the Python.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NOT_AN_ADDRESS = "not an address"

_ROWS = """
0.0.0.0/32          unspecified    RFC 1122
0.0.0.0/8           reserved       RFC 791, this network
10.0.0.0/8          private        RFC 1918
100.64.0.0/10       reserved       RFC 6598, shared by a provider's customers
127.0.0.0/8         loopback       RFC 1122
169.254.0.0/16      link-local     RFC 3927
172.16.0.0/12       private        RFC 1918
192.0.0.0/24        reserved       RFC 6890, IETF protocols, with their anycast addresses
192.0.2.0/24        documentation  RFC 5737
192.31.196.0/24     reserved       RFC 7535, AS112: the nearest one may be inside
192.52.193.0/24     reserved       RFC 7450, AMT relays: the nearest one may be inside
192.88.99.0/24      reserved       RFC 7526, 6to4 relays
192.168.0.0/16      private        RFC 1918
192.175.48.0/24     reserved       RFC 7534, AS112
198.18.0.0/15       reserved       RFC 2544, benchmarks
198.51.100.0/24     documentation  RFC 5737
203.0.113.0/24      documentation  RFC 5737
224.0.0.0/4         multicast      RFC 5771
240.0.0.0/4         reserved       RFC 1112
::/128              unspecified    RFC 4291
::1/128             loopback       RFC 4291
64:ff9b:1::/48      private        RFC 8215, NAT64 of one's own
100::/64            reserved       RFC 6666, discarded
100:0:0:1::/64      reserved       RFC 9780, a next hop that is none
2001::/23           reserved       RFC 2928, IETF protocols: Teredo, benchmarks, ORCHID, anycast, DRIP
2001:db8::/32       documentation  RFC 3849
2620:4f:8000::/48   reserved       RFC 7534, AS112
3fff::/20           documentation  RFC 9637
5f00::/16           reserved       RFC 9602, segment routing
fc00::/7            private        RFC 4193
fe80::/10           link-local     RFC 4291
fec0::/10           private        RFC 3879, site-local
ff00::/8            multicast      RFC 4291
"""
SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), why) for network, why, *_ in map(str.split, _ROWS.strip().splitlines())
)
"""Networks, and in a word why no connection goes there. The first that has an address counts."""

_UNICAST = ipaddress.IPv6Network("2000::/3")
"""Of IPv6, IANA has given out addresses in this range only; for what is outside and in no row, ``reserved`` is the word."""

_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE, 0x01005EFE, 0x03005EFE})
_CUSTOMER_BITS = 56


def refusal(address: str) -> str | None:
    """Why ``address`` (of IPv4 or IPv6) may not be connected to, in a word or two; None if it may.

    An IPv4 address inside an IPv6 one (mapped, compatible, translated, 6to4, Teredo, NAT64, ISATAP) is judged as itself first.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return NOT_AN_ADDRESS
    if isinstance(ip, ipaddress.IPv6Address) and ip.packed[:15] != bytes(15):
        for inner in _embedded(ip):
            if (reason := _special(inner)) is not None:
                return reason
        if ip.ipv4_mapped or ip in _NAT64:
            return None
    return _special(ip)


def place_of(address: str) -> str:
    """The place that an address belongs to: itself, and of IPv6 the /56 that one customer has.

    What is counted by address is counted by this: one customer has 2^72 addresses of IPv6.
    """
    found = parsed(address)
    if found is None:
        return address[:60]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network((int(found), _CUSTOMER_BITS), strict=False))


def parsed(text: str) -> Address | None:
    """The address, with or without brackets and a port, as proxies write them; None if it is none."""
    host, bracket, _ = text.removeprefix("[").partition("]")
    if not bracket and text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, ipaddress.IPv4Address) else address


def _special(ip: Address) -> str | None:
    for network, why in SPECIAL:
        if ip.version == network.version and ip in network:
            return why
    return "reserved" if isinstance(ip, ipaddress.IPv6Address) and ip not in _UNICAST else None


def _embedded(ip: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    number = int(ip)
    last = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if ip.ipv4_mapped or any(ip in net for net in (_COMPATIBLE, _NAT64, _TRANSLATED)):
        yield last
    elif ip.sixtofour:
        yield ip.sixtofour
    elif ip.teredo:
        # The server and the client.
        yield from reversed(ip.teredo)
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        yield last
