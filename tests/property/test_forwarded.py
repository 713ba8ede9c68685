"""What a client may say in the fields by which a proxy tells of its client: an address comes of it, or nothing does."""

import ipaddress
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp._context import PeerContext
from asynchttp._trust import AddressList
from asynchttp.httputil import HTTPHeaders
from tests.property.effort import examples

NAMES = ("X-Forwarded-For", "X-Real-Ip", "X-Scheme", "X-Forwarded-Proto")
#: Of which :class:`HTTPHeaders` may consist: what the parser lets in.
characters = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
_ADDRESSES = ["1.2.3.4", "10.0.0.1", "::1", "::ffff:10.0.0.1", "127.1", "0x7f.1", "2130706433", "01.2.3.4"]
pieces = st.sampled_from([*_ADDRESSES, "1.2.3.4:80", "[::1]", "fe80::1%lo", "*", ",", "https"])
said = st.one_of(st.text(characters, max_size=40), st.lists(pieces, max_size=5).map(", ".join))
fields = st.lists(st.tuples(st.sampled_from(NAMES), said.map(str.strip)), max_size=5)
trust = st.sampled_from([None, [], ["10.0.0.0/8"], ["192.0.2.1"], ["*"], ["192.0.2.1", "10.0.0.0/8", "::/0"]])


class Stream:
    """Of which a context wants to know little."""

    socket = None


def peer(trusted: Any) -> PeerContext:
    stream: Any = Stream()
    proxies = None if trusted is None else AddressList.checked(trusted)
    context = PeerContext(stream, ("192.0.2.1", 4711), None, True, (), proxies)
    # As the socket of an IPv4 connection would make it.
    context.remote_ip = "192.0.2.1"
    context.believes_proxies = proxies is None or "192.0.2.1" in proxies
    return context


@given(fields, trust)
@examples(1500)
def test_an_address_and_a_scheme_come_of_whatever_is_said(said: list[tuple[str, str]], trusted: Any) -> None:
    headers = HTTPHeaders()
    for name, value in said:
        headers.add(name, value)
    context = peer(trusted)
    told = context.forwarded(headers)
    ipaddress.ip_address(told.remote_ip)
    assert told.protocol in ("http", "https")
    if trusted == []:
        assert told is context


@pytest.mark.parametrize("entry", ["10.0.0.1", "::ffff:10.0.0.1", "nonsense", ""])
def test_long_list_costs_linear_time(entry: str) -> None:
    """As much of it as a request head may have."""
    context = peer(["192.0.2.1", "10.0.0.0/8", *(f"172.16.{n}.0/24" for n in range(100))])

    def cost(size: int) -> float:
        headers = HTTPHeaders({"X-Forwarded-For": (entry + ",") * (size // (len(entry) + 1))})
        started = time.process_time()
        context.forwarded(headers)
        return time.process_time() - started

    few, many = min(cost(16_000) for _ in range(3)), min(cost(64_000) for _ in range(3))
    assert many < 8 * few + 0.01
