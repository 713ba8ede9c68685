"""Messages that are valid, and messages that are nearly so.

Random octets are refused by the first rule they meet. What finds holes is a valid message with a little wrong in it:
an octet too many, a line twice, whitespace where none belongs, a size that only ``int()`` would take.
"""

from hypothesis import strategies as st

from asynchttp._h1 import abnf
from tests.support.h1 import hostile_sizes

__all__ = ["chunked_bodies", "mutated", "nearly_valid_bodies", "nearly_valid_requests", "valid_requests"]

_TCHAR = [bytes([octet]) for octet in range(256) if abnf.TOKEN.fullmatch(bytes([octet]))]
_VCHAR = [bytes([octet]) for octet in range(0x21, 0x7F)]

#: Octets that parsers disagree about.
_HOSTILE = [
    *(bytes([octet]) for octet in b'\r\n\t \x00\x0b\x0c\x1c\x7f:;,="\\#+-_0x5aAzZ/*?@%[]'),
    *(bytes([octet]) for octet in (0x80, 0x85, 0xA0, 0xB2, 0xC3, 0xFF)),
    b"\r\n",
    b"\n\r",
    b"\r\r",
    b"\n\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\r\n\t",
    b" \r\n",
    b"0x",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
]

_methods = st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"M-SEARCH"])
_targets = st.one_of(
    st.sampled_from(
        [b"/", b"/a/b?c=d&e", b"/%41", b"//a", b"/a;b=c", b"http://a/", b"http://a:80?b", b"https://[::1]/c"]
    ),
    st.lists(st.sampled_from(_VCHAR), max_size=8).map(lambda octets: b"/" + b"".join(octets).replace(b"#", b"")),
)
_hosts = st.sampled_from([b"a", b"example.org:8080", b"[::1]:80", b"127.0.0.1", b"a_b", b"", b"x%2Dy"])
_names = st.one_of(
    st.sampled_from([b"Accept", b"Cookie", b"X", b"Hos", b"Content-Lengt", b"Trailer", b"TE", b"Keep-Alive", b"Cost"]),
    st.lists(st.sampled_from(_TCHAR), min_size=1, max_size=6).map(b"".join),
)
_values = st.one_of(
    st.sampled_from([b"", b"b", b"b c", b"b\tc", b"chunked", b"5", b"a=b; c=d", b'"q"', b"\xc3\xa9", b"b,c, d"]),
    st.lists(st.sampled_from([*_VCHAR, b" ", b"\t", b"\x80", b"\xff"]), max_size=12).map(b"".join),
)
_whitespace = st.sampled_from([b" ", b"", b"\t", b"  ", b" \t "])
_connection = st.sampled_from([b"keep-alive", b"close", b"Keep-Alive", b"CLOSE", b"x, close", b"x", b"keep-alive, x"])
_tokens = st.sampled_from([b"a", b"sig", b"0", b"x-1"])
_bad_whitespace = st.sampled_from([b"", b"", b"", b"", b"", b" ", b"\t "])
_extension_values = st.one_of(_tokens, st.sampled_from([b'""', b'"a b"', b'"\\""', b'";\\\\"']))


def _any_case(draw: st.DrawFn, name: bytes) -> bytes:
    return draw(st.sampled_from([name, name.lower(), name.upper(), name.swapcase()]))


@st.composite
def _field(draw: st.DrawFn, name: bytes, value: bytes) -> bytes:
    return _any_case(draw, name) + b":" + draw(_whitespace) + value + draw(st.sampled_from([b"", b"", b" ", b"\t"]))


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    """A body in chunked coding, trailers included."""
    coded = b""
    for data in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4)):
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%016x"])) % len(data)
        for name in draw(st.lists(_tokens, max_size=2)):
            size += draw(_bad_whitespace) + b";" + draw(_bad_whitespace) + name
            if draw(st.booleans()):
                size += draw(_bad_whitespace) + b"=" + draw(_bad_whitespace) + draw(_extension_values)
        coded += size + b"\r\n" + data + b"\r\n"
    coded += draw(st.sampled_from([b"0", b"00", b"0;a=b"])) + b"\r\n"
    for name, value in draw(st.lists(st.tuples(_names, _values), max_size=2)):
        coded += name + b": " + value + b"\r\n"
    return coded + b"\r\n"


@st.composite
def valid_requests(draw: st.DrawFn) -> bytes:
    """One request that keeps all the rules."""
    minor = draw(st.sampled_from([b"1", b"1", b"1", b"0"]))
    method, target = draw(_methods), draw(_targets)
    if method == b"OPTIONS" and draw(st.booleans()):
        target = b"*"
    framing = draw(st.sampled_from(["none", "none", "length", "chunked" if minor == b"1" else "length"]))
    lines = [draw(_field(name, value)) for name, value in draw(st.lists(st.tuples(_names, _values), max_size=3))]
    body = b""
    if minor == b"1" or draw(st.booleans()):
        lines.append(draw(_field(b"Host", draw(_hosts))))
    if draw(st.booleans()):
        lines.append(draw(_field(b"Connection", draw(_connection))))
    if framing == "length":
        body = draw(st.binary(max_size=20))
        lines.append(draw(_field(b"Content-Length", b"%d" % len(body))))
    elif framing == "chunked":
        body = draw(chunked_bodies())
        lines.append(draw(_field(b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"Chunked", b"CHUNKED"])))))
    lines = draw(st.permutations(lines))
    before = draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\r\n\r\n"]))
    return before + b"\r\n".join([method + b" " + target + b" HTTP/1." + minor, *lines, b"", b""]) + body


def _replace_once(draw: st.DrawFn, data: bytes, old: bytes, new: bytes) -> bytes:
    """``new`` in the place of one of the ``old`` ones."""
    places = [index for index in range(len(data)) if data.startswith(old, index)]
    if not places:
        return data
    place = draw(st.sampled_from(places))
    return data[:place] + new + data[place + len(old) :]


@st.composite
def mutated(draw: st.DrawFn, message: bytes) -> bytes:
    """``message`` with one thing changed."""
    kind = draw(st.integers(0, 9))
    place = draw(st.integers(0, len(message)))
    octets = draw(st.sampled_from(_HOSTILE))
    if kind == 0:
        return message[:place] + octets + message[place:]
    if kind == 1:
        return message[:place] + octets + message[place + len(octets) :]
    if kind == 2:
        return message[:place] + message[place + draw(st.integers(1, 3)) :]
    if kind == 3:  # a line twice
        lines = message.split(b"\r\n")
        index = draw(st.integers(0, len(lines) - 1))
        return b"\r\n".join([*lines[:index], lines[index], *lines[index:]])
    if kind == 4:
        return _replace_once(
            draw, message, b"\r\n", draw(st.sampled_from([b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\n\r", b""]))
        )
    if kind == 5:  # whitespace around a colon
        return _replace_once(
            draw, message, b":", draw(st.sampled_from([b" :", b"\t:", b": \x0b", b":\r\n ", b"::", b""]))
        )
    if kind == 6:  # one more field that matters
        field = draw(
            st.sampled_from(
                [
                    b"Content-Length: 0",
                    b"Content-Length: 5",
                    b"Content-Length: 5, 5",
                    b"Transfer-Encoding: chunked",
                    b"Transfer-Encoding: identity",
                    b"Transfer-Encoding: gzip, chunked",
                    b"Transfer-Encoding: chunked, chunked",
                    b"Transfer-Encoding: , chunked",
                    b"Transfer-Encoding: \x0bchunked",
                    b"Transfer-Encoding:",
                    b"Content-Length : 5",
                    b"Host: b",
                    b"Host: a, b",
                    b"Connection: close",
                    b"Connection: keep-alive",
                    b"Expect: 100-continue",
                    b"Expect: x",
                    b" folded",
                ]
            )
        )
        return _replace_once(draw, message, b"\r\n", b"\r\n" + field + b"\r\n")
    if kind == 7:  # a size that isn't one
        size = draw(
            st.sampled_from(
                [*hostile_sizes(), b"05", b"0", b"5 ", b"\t5", b"a", b"FFFFFFFFFFFFFFFF", b"10000000000000000"]
            )
        )
        start = max(message.lower().find(b"content-length:") + 15, message.find(b"\r\n\r\n") + 4)
        line_end = message.find(b"\r\n", start)
        return message[:start] + size + message[line_end:] if line_end >= 0 else message
    if kind == 8:
        old = draw(st.sampled_from([b"HTTP/1.1", b"Host", b"hunked", b"1.", b" "]))
        new = draw(st.sampled_from([b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"", b"Host\x00", b"hunke", b"  ", b"\t"]))
        return _replace_once(draw, message, old, new)
    return message[:place]


@st.composite
def nearly_valid_requests(draw: st.DrawFn) -> bytes:
    """A request with up to three things wrong, and perhaps another one behind it."""
    message = draw(valid_requests())
    for _ in range(draw(st.integers(0, 3))):
        message = draw(mutated(message))
    return message + draw(st.sampled_from([b"", b"", b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n", b"\r\n", b"x"]))


@st.composite
def nearly_valid_bodies(draw: st.DrawFn) -> bytes:
    """A chunked body with up to two things wrong, and perhaps a request behind it."""
    body = draw(chunked_bodies())
    for _ in range(draw(st.integers(0, 2))):
        body = draw(mutated(body))
    return body + draw(st.sampled_from([b"", b"", b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"]))
