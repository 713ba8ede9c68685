"""Heads: the fast form equals the plain one, and nothing makes them raise anything but ``HTTPInputError``."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from asynchttp._h1 import abnf, head
from asynchttp._h1.errors import HTTPInputError
from tests.property.effort import examples
from tests.property.strategies import nearly_valid_requests, valid_requests
from tests.support.h1 import assert_modest


def outcome(octets: bytes, parse: object) -> object:
    """Everything that a tail says, or the error that it raises."""
    try:
        tail = parse(octets)  # type: ignore[operator]
    except HTTPInputError as error:
        return type(error), str(error)
    return tuple(getattr(tail, name) for name in head.Tail.__slots__ if name not in ("_lowered", "memo"))


def tail_of(request: bytes) -> bytes:
    """From behind ``HTTP/1.`` to where a head would end, whatever is in between."""
    _, _, rest = request.partition(b" HTTP/1.")
    section, end, _ = rest.partition(b"\r\n\r\n")
    return section + end


@given(st.one_of(valid_requests(), nearly_valid_requests()).map(tail_of))
@examples(600)
def test_ordinary_tail_equals_plain_tail(octets: bytes) -> None:
    if octets[1:3] != b"\r\n" or not octets[:1].isdigit():
        return  # parse_tail is given nothing else
    assert outcome(octets, lambda octets: head.parse_tail(octets, 1000)) == outcome(octets, head._plain_tail)


@given(st.binary(max_size=100), st.integers(0, 120))
@examples(300)
def test_random_octets_raise_nothing_else(octets: bytes, max_header_size: int) -> None:
    try:
        found = head.parse_request_head(octets, 0, max_header_size, 3)
    except HTTPInputError as error:
        assert_modest(error, octets)
    else:
        assert found is None or found[1] <= len(octets)


@given(nearly_valid_requests(), st.data())
@examples(300)
def test_refuse_early_is_never_wrong(octets: bytes, data: st.DataObject) -> None:
    """What it refuses doesn't become a request, whatever follows."""
    partial = octets[: data.draw(st.integers(0, octets.find(b"\r\n\r\n") + 3))]
    try:
        head.refuse_early(partial, 65536)
    except HTTPInputError:
        for rest in (octets[len(partial) :], b"\n", b"\r\n\r\n", b" / HTTP/1.1\r\nHost: a\r\n\r\n", b": a\r\n\r\n"):
            try:
                found = head.parse_request_head(partial + rest, 0, 65536, 100)
            except HTTPInputError:
                continue
            assert found is None, rest


@given(
    st.one_of(
        st.ip_addresses(v=6).map(str),
        st.ip_addresses(v=6).map(lambda address: address.exploded),
        st.lists(
            st.sampled_from(["", "0", "ab", "12345", "ffff", "FF", "1.2.3.4", "1.2.3.256", "01.2.3.4", "g"]),
            max_size=10,
        ).map(":".join),
    )
)
@examples(600)
def test_ip_literals_are_those_of_the_standard_library(text: str) -> None:
    try:
        ipaddress.IPv6Address(text)
        valid = True
    except ValueError:
        valid = False
    assert (abnf.HOST.fullmatch(b"[" + text.encode() + b"]") is not None) == valid
