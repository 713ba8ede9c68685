"""Our reading of requests against that of two other parsers, however the octets arrive."""

import pytest
from hypothesis import given

from asynchttp._h1.errors import HTTPInputError
from tests.property.decisions import (
    CHUNKED,
    LAXER,
    OTHERWISE,
    STRICTER,
    Laxer,
    Otherwise,
    Stricter,
    differences,
    undecided,
)
from tests.property.effort import examples
from tests.property.oracles import ORACLES, Refused
from tests.property.strategies import nearly_valid_bodies, nearly_valid_requests, valid_requests
from tests.support.h1 import Message, assert_modest, read_request
from tests.support.hostile import CHUNKED_BODIES, HEADS
from tests.support.splits import every_split


def read(data: bytes) -> Message | HTTPInputError | None:
    """Our reading, the same at every split."""
    outcomes: list[Message | None] = []
    errors: list[HTTPInputError] = []
    for pieces in every_split(data):
        try:
            outcomes.append(read_request(pieces))
        except HTTPInputError as error:
            assert_modest(error, data)
            errors.append(error)
    assert not (outcomes and errors), "refused at some splits only"
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return errors[0] if errors else outcomes[0]


@given(valid_requests())
@examples(300)
def test_valid_requests_are_read(data: bytes) -> None:
    message = read(data)
    assert isinstance(message, Message)
    assert message.end == len(data)


@given(valid_requests())
@examples(300)
def test_valid_requests_are_read_as_others_do(data: bytes) -> None:
    assert undecided(data, read(data)) == []


@given(nearly_valid_requests())
@examples(700)
def test_nearly_valid_requests_are_read_as_others_do(data: bytes) -> None:
    assert undecided(data, read(data)) == []


@given(nearly_valid_bodies())
@examples(400)
def test_nearly_valid_chunked_bodies_are_read_as_others_do(body: bytes) -> None:
    assert undecided(CHUNKED + body, read(CHUNKED + body)) == []


SHORT = [hostile for hostile in HEADS if len(hostile.octets) < 2000]
SHORT += [hostile._replace(octets=CHUNKED + hostile.octets) for hostile in CHUNKED_BODIES if len(hostile.octets) < 2000]


@pytest.mark.parametrize("hostile", SHORT, ids=[hostile.id for hostile in SHORT])
@pytest.mark.parametrize("rest", [b"", b"0\r\n\r\n", b"x" * 60])
def test_hostile_requests_are_others_mistakes(hostile: object, rest: bytes) -> None:
    data = hostile.octets + rest  # type: ignore[attr-defined]
    assert undecided(data, read(data)) == []


# -- each decision is real -----------------------------------------------------------------------------------------


def accepts(name: str, data: bytes) -> bool:
    try:
        return ORACLES[name](data) is not None
    except Refused:
        return False


@pytest.mark.parametrize("row", STRICTER, ids=[f"{row.section}-{row.message}" for row in STRICTER])
def test_we_are_stricter(row: Stricter) -> None:
    for witness in row.witnesses:
        with pytest.raises(HTTPInputError) as caught:
            read_request([witness])
        assert str(caught.value).startswith(row.message)


@pytest.mark.parametrize("row", STRICTER, ids=[f"{row.section}-{row.message}" for row in STRICTER])
def test_others_are_laxer(row: Stricter) -> None:
    laxer = [{name for name in ORACLES if accepts(name, witness)} for witness in row.witnesses]
    assert all(laxer), "a witness that nobody accepts"
    assert set.union(*laxer) == row.laxer


@pytest.mark.parametrize("row", LAXER, ids=[f"{row.section}-{row.stricter}" for row in LAXER])
def test_we_are_laxer(row: Laxer) -> None:
    message = read_request([row.witness])
    assert message is not None
    assert row.when(row.witness, message)
    assert not accepts(row.stricter, row.witness)


@pytest.mark.parametrize("row", OTHERWISE, ids=[f"{row.section}-{row.oracle}" for row in OTHERWISE])
def test_we_read_it_otherwise(row: Otherwise) -> None:
    ours, theirs = read_request([row.witness]), ORACLES[row.oracle](row.witness)
    assert ours is not None
    assert theirs is not None
    assert row.when(ours)
    assert differences(ours, theirs) == [row.attribute]
