"""Which fields may stand behind a body."""

import pytest

from asynchttp._h1 import abnf, framing, trailers


def test_9112_7_1_2_encode_section() -> None:
    assert (
        trailers.encode_section([("Checksum", "17"), ("B", "é"), ("B", "")])
        == b"Checksum: 17\r\nB: \xe9\r\nB: \r\n\r\n"
    )
    assert trailers.encode_section([]) == b"\r\n"


@pytest.mark.parametrize(
    "name", ["Content-Length", "HOST", "transfer-encoding", "Set-Cookie", "Content-Type", "Trailer"]
)
def test_9110_6_5_1_forbidden_ones_are_an_error_that_names_them(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} can't be sent as a trailer field$"):
        trailers.encode_section([("A", "b"), (name, "c")])


@pytest.mark.parametrize(
    ("name", "value"), [("A", "b\r\nC: d"), ("A", "b\nc"), ("A: b\r\nC", "d"), ("A", "\0"), ("", "b")]
)
def test_9110_5_5_they_can_not_split_the_message(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="Illegal characters"):
        trailers.encode_section([(name, value)])


def test_9110_6_5_1_received_ones_are_dropped() -> None:
    fields = [("Checksum", "17"), ("cookie", "a"), ("CONTENT-ENCODING", "gzip"), ("X-Cookie", "b")]
    assert trailers.without_forbidden(fields) == [("Checksum", "17"), ("X-Cookie", "b")]


def test_names_are_lower_case_and_hold_those_that_frame() -> None:
    assert all(name == name.lower() for name in trailers.FORBIDDEN)
    framing_names = (b"host", b"content-length", b"transfer-encoding", b"connection", b"expect")
    for name in framing_names:
        assert framing.framing_fields(b"\r\n" + name + b": x\r\n")
        assert abnf.FRAMING_FIELDS.search(b"\r\n" + name + b": x\r\n")
        assert name.decode() in trailers.FORBIDDEN
