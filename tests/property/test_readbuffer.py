"""The read buffer against the simplest model of it: one ``bytes`` object."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp import _readbuffer
from asynchttp._readbuffer import ReadBuffer
from tests.property.effort import examples


@pytest.fixture(params=[1, 4, None], scope="module", autouse=True)
def what_counts_as_large(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            patch.setattr(_readbuffer, "_LARGE", request.param)
        yield


STEPS = st.one_of(
    st.tuples(st.just("append"), st.binary(max_size=8)),
    st.tuples(st.just("append"), st.binary(min_size=1, max_size=4).map(lambda octets: octets * 10_000)),
    st.tuples(st.just("prepend"), st.binary(max_size=8)),
    st.tuples(st.just("take"), st.integers(0, 20)),
    st.tuples(st.just("take"), st.integers(0, 60_000)),
    st.tuples(st.just("take_into"), st.integers(0, 20)),
    st.tuples(st.just("find"), st.binary(min_size=1, max_size=3)),
    st.tuples(st.just("view"), st.none()),
)


@given(steps=st.lists(STEPS, max_size=30))
@examples(500)
def test_buffer_is_a_queue(steps: list[tuple[str, object]]) -> None:
    buffer, model = ReadBuffer(), b""
    for step, argument in steps:
        if step == "append":
            buffer.append(argument)  # type: ignore[arg-type]
            model += argument  # type: ignore[operator]
        elif step == "prepend":
            buffer.prepend(argument)  # type: ignore[arg-type]
            model = argument + model  # type: ignore[operator]
        elif step == "take":
            size = min(argument, len(model))  # type: ignore[call-overload]
            assert buffer.take(size) == model[:size]
            model = model[size:]
        elif step == "take_into":
            target = bytearray(argument)  # type: ignore[call-overload]
            size = buffer.take_into(memoryview(target))
            assert bytes(target[:size]) == model[:size]
            model = model[size:]
        elif step == "find":
            found = model.find(argument)  # type: ignore[arg-type]
            assert buffer.find(argument) == (found + len(argument) if found >= 0 else -1)  # type: ignore[arg-type]
        else:
            with buffer.view() as view:
                assert view == model
        assert len(buffer) == len(model)
        assert buffer.peek() == model


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=5), max_size=12),
    delimiter=st.sampled_from([b"a", b"ab", b"aab", b"\r\n\r\n"]),
)
@examples(300)
def test_search_goes_on_where_it_stopped(pieces: list[bytes], delimiter: bytes) -> None:
    buffer, searched = ReadBuffer(), 0
    for piece in pieces:
        buffer.append(piece.translate(bytes(b"ab\r\n"[octet % 4] for octet in range(256))))
        found = buffer.peek().find(delimiter)
        assert buffer.find(delimiter, searched) == (found + len(delimiter) if found >= 0 else -1)
        if found >= 0:
            return
        searched = len(buffer)
