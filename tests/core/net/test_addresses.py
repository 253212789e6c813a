"""The table of addresses that no publisher's server has; and one customer is one place. (The cases: ``test_guard``.)"""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.net.addresses import SPECIAL, Address, Network, place_of, refusal

V4 = st.ip_addresses(v=4).map(str)
WRAPPED = (
    "::{}",
    "::ffff:{}",
    "::ffff:0:{}",
    "64:ff9b::{}",
    "2606:2800:220:1:0:5efe:{}",
    "2606:2800:220:1:200:5efe:{}",
)


@pytest.mark.parametrize(("network", "why"), SPECIAL, ids=[str(network) for network, _ in SPECIAL])
def test_no_address_of_a_special_network_passes(network: Network, why: str) -> None:
    middle = network.network_address + network.num_addresses // 2
    assert None not in {refusal(str(address)) for address in (network[0], middle, network[-1])}
    assert refusal(str(network[-1])) == why


def _is_known_to_python(ip: Address) -> bool:
    return not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_link_local


@given(st.ip_addresses())
def test_addresses_that_python_calls_special_are_refused(ip: Address) -> None:
    mapped = getattr(ip, "ipv4_mapped", None)
    if _is_known_to_python(mapped or ip):
        # NAT64's well-known prefix is judged by what is in it.
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            return
        assert refusal(str(ip)) is not None


@given(V4)
def test_an_address_in_another_is_refused_if_it_would_be_by_itself(inner: str) -> None:
    plain = refusal(inner)
    packed = ipaddress.IPv4Address(inner).packed.hex()
    relayed = f"2002:{packed[:4]}:{packed[4:]}::1"
    for address in (*(form.format(inner) for form in WRAPPED), relayed):
        if plain is not None and ipaddress.ip_address(address).packed[:15] != bytes(15):
            assert refusal(address) == plain, address
    assert refusal(f"::ffff:{inner}") == refusal(f"64:ff9b::{inner}") == plain


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**72 - 1), st.integers(0, 2**72 - 1))
def test_all_addresses_of_one_customer_are_one_place(prefix: int, one: int, other: int) -> None:
    def address(rest: int) -> str:
        return str(ipaddress.IPv6Address((0x20 << 120) | (prefix & (1 << 48) - 1) << 72 | rest))

    assert place_of(address(one)) == place_of(address(other)) == place_of(f"[{address(one)}]:443")
