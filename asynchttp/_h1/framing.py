"""Where a message ends and whether its connection lives on: each rule once, in its plain form.

The functions take the values of one field as a list, in order, without the whitespace around them: an absent field is
an empty list, a field that was sent twice has two values.
"""

from collections.abc import Sequence
from typing import Final

from asynchttp import _reasons
from asynchttp._h1 import abnf
from asynchttp._h1.errors import ExpectationFailedError, HTTPInputError, UnsupportedCodingError

__all__ = ["CHUNKED", "body_length", "expects_continue", "framing_fields", "keep_alive", "request_host"]

#: The length of a body in chunked coding: known when it has ended.
CHUNKED: Final = -1


def framing_fields(section: bytes) -> dict[bytes, list[bytes]]:
    """The values of the fields that this module asks for, by lower-case name.

    Args:
        section: field lines, with the CRLF of what stands before the first one.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in abnf.FRAMING_FIELDS.findall(section):
        fields.setdefault(name.lower(), []).append(value.rstrip(b" \t"))
    return fields


def list_members(values: Sequence[bytes]) -> list[bytes]:
    """The members of a list-valued field, lower case, without empty ones.  RFC 9110 §5.6.1."""
    members = b",".join(values).lower().split(b",")
    return [stripped for member in members if (stripped := member.strip(b" \t"))]


def body_length(minor: int, content_lengths: Sequence[bytes], transfer_encodings: Sequence[bytes]) -> int:
    """Octets of body that follow a request head, or :data:`CHUNKED`.  RFC 9112 §6.3.

    Stricter than the RFC, because a proxy that reads any of these the other way lets requests be smuggled: a repeated
    Content-Length is refused also when its values agree (§6.3 item 5 lets us), both fields together are (§6.1), and
    so is Transfer-Encoding in an HTTP/1.0 message (§6.1).
    """
    if transfer_encodings:
        if minor == 0:
            raise HTTPInputError("Transfer-Encoding in an HTTP/1.0 message", reason=_reasons.CODING_IN_HTTP_1_0)
        if content_lengths:
            raise HTTPInputError("both Transfer-Encoding and Content-Length", reason=_reasons.LENGTH_AND_CODING)
        codings = list_members(transfer_encodings)
        if codings == [b"chunked"]:
            return CHUNKED
        final = codings[-1].partition(b";")[0] if codings else b""  # §7.1: it has no parameters; with one it's unknown
        if final != b"chunked" or b"chunked" in codings[:-1]:  # §6.3 item 4: MUST be a 400
            raise HTTPInputError(
                "Transfer-Encoding: chunked must be the last coding, and stand there once", reason=_reasons.CODING_ORDER
            )
        raise UnsupportedCodingError("unsupported transfer coding", b", ".join(codings))
    if not content_lengths:
        return 0
    if len(content_lengths) > 1:
        raise HTTPInputError("more than one Content-Length", reason=_reasons.LENGTH_REPEATED)
    value = content_lengths[0]
    if abnf.CONTENT_LENGTH.fullmatch(value) is None:
        raise HTTPInputError(
            "Only integer Content-Length is allowed, of at most 19 digits", value, reason=_reasons.LENGTH_INVALID
        )
    return int(value)


def keep_alive(minor: int, connection: Sequence[bytes]) -> bool:
    """Whether the peer's message lets the connection live on.  RFC 9112 §9.3."""
    if not connection:
        return minor > 0
    options = list_members(connection)
    return b"close" not in options and (minor > 0 or b"keep-alive" in options)


def request_host(minor: int, hosts: Sequence[bytes]) -> str:
    """The Host of a request; ``""`` when an HTTP/1.0 request has none.  RFC 9112 §3.2, RFC 9110 §7.2."""
    if len(hosts) == 1:
        if abnf.HOST.fullmatch(hosts[0]) is None:
            raise HTTPInputError("Invalid Host header", hosts[0], reason=_reasons.HOST_INVALID)
        return hosts[0].decode("ascii")
    if hosts:
        raise HTTPInputError("more than one Host", reason=_reasons.HOST_REPEATED)
    if minor > 0:
        raise HTTPInputError("missing Host", reason=_reasons.HOST_MISSING)
    return ""


def expects_continue(minor: int, expectations: Sequence[bytes]) -> bool:
    """Whether the client waits for ``100 (Continue)`` before it sends the body.  RFC 9110 §10.1.1."""
    if not expectations or minor == 0:  # HTTP/1.0: a server MUST ignore it
        return False
    members = list_members(expectations)
    if any(member != b"100-continue" for member in members):
        raise ExpectationFailedError("unknown expectation", expectations[0])
    return bool(members)  # an empty list expects nothing
