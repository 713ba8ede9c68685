"""The two tables: whole, closed under what may happen, and without dead ends."""

from collections.abc import Iterable

import pytest

from asynchttp._h1.states import NEXT_READING, NEXT_WRITING, RESTART, Reading, Writing

State = Reading | Writing


def reachable(table: dict[tuple[State, str], State], start: State) -> set[State]:
    seen = {start}
    while True:
        more = {after for (before, _), after in table.items() if before in seen} - seen
        if not more:
            return seen
        seen |= more


def walk(table: dict[tuple[State, str], State], start: State, events: Iterable[str]) -> State:
    state = start
    for event in events:
        state = table[state, event]
    return state


def test_every_reading_state_is_reached() -> None:
    assert reachable(dict(NEXT_READING), Reading.HEAD) == set(Reading)


def test_every_writing_state_is_reached() -> None:
    assert reachable(dict(NEXT_WRITING), Writing.IDLE) == set(Writing)


@pytest.mark.parametrize("state", list(Reading))
def test_reading_can_always_close(state: Reading) -> None:
    assert NEXT_READING[state, "close"] is Reading.CLOSED


@pytest.mark.parametrize("state", list(Writing))
def test_writing_can_always_close(state: Writing) -> None:
    assert NEXT_WRITING[state, "close"] is Writing.CLOSED


def test_closed_is_the_end() -> None:
    assert reachable(dict(NEXT_READING), Reading.CLOSED) == {Reading.CLOSED}
    assert reachable(dict(NEXT_WRITING), Writing.CLOSED) == {Writing.CLOSED}


@pytest.mark.parametrize("state", [Reading.TUNNEL, Reading.LINGER])
def test_no_way_back_to_http(state: Reading) -> None:
    assert reachable(dict(NEXT_READING), state) == {state, Reading.CLOSED}


def test_restart_is_what_both_tables_say() -> None:
    (reading, writing), after = RESTART
    assert (NEXT_READING[reading, "restart"], NEXT_WRITING[writing, "restart"]) == after


def test_only_a_finished_exchange_restarts() -> None:
    restarts = [state for state, event in [*NEXT_READING, *NEXT_WRITING] if event == "restart"]
    assert restarts == [Reading.DONE, Writing.DONE]


@pytest.mark.parametrize(
    "events",
    [
        ["head without body", "restart"],
        ["head with body", "last octet", "restart"],
    ],
)
def test_reading_comes_round(events: list[str]) -> None:
    assert walk(dict(NEXT_READING), Reading.HEAD, events) is Reading.HEAD


@pytest.mark.parametrize(
    "events",
    [
        ["request head", "whole response", "restart"],
        ["request head", "head with length", "finish", "restart"],
        ["request head", "head with chunked", "finish", "restart"],
        ["request head", "head without either", "finish", "restart"],
        ["request head", "raw octets", "finish", "restart"],
        ["request head", "interim head", "interim head", "head with length", "finish", "restart"],
        ["whole response", "restart"],
    ],
)
def test_writing_comes_round(events: list[str]) -> None:
    assert walk(dict(NEXT_WRITING), Writing.IDLE, events) is Writing.IDLE


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (Writing.IDLE, "head with length"),
        (Writing.IDLE, "raw octets"),
        (Writing.IDLE, "finish"),
        (Writing.HEAD, "finish"),
        (Writing.LENGTH, "raw octets"),
        (Writing.LENGTH, "head with length"),
        (Writing.RAW, "head with chunked"),
        (Writing.DONE, "finish"),
        (Writing.DONE, "head with length"),
        (Writing.CLOSED, "restart"),
    ],
)
def test_what_must_never_be_written_is_missing(state: Writing, event: str) -> None:
    assert (state, event) not in NEXT_WRITING


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (Reading.DONE, "head without body"),  # nothing is parsed ahead of an unfinished exchange
        (Reading.DONE, "head with body"),
        (Reading.BODY, "restart"),
        (Reading.LINGER, "head without body"),
        (Reading.CLOSED, "restart"),
    ],
)
def test_what_must_never_be_read_is_missing(state: Reading, event: str) -> None:
    assert (state, event) not in NEXT_READING
