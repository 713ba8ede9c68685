"""Figures in shared memory: what is read is what was written whole, whoever dies in between."""

import os
import signal

import pytest

from asynchttp._scoreboard import MAX_SIZE, Scoreboard


def test_the_last_figures_of_each_process_are_read() -> None:
    board = Scoreboard(4)
    first, second = board.take(), board.take()
    assert first != second
    board.assign(first, 11)
    board.assign(second, 22)
    assert board.read() == ({11: {}, 22: {}}, {})
    board.write(first, {"gauge": 1})
    board.write(first, {"gauge": 2, "text": "ü"})
    assert board.read() == ({11: {"gauge": 2, "text": "ü"}, 22: {}}, {})


def test_counters_outlive_their_process_and_add_up() -> None:
    board = Scoreboard(2)
    for pid, figures in ((1, {"a": 1, "b": 2.5}), (2, {"a": 10}), (3, {"a": 100, "text": "no number"})):
        slot = board.take()
        board.assign(slot, pid)
        board.write(slot, {"counters": figures, "gauge": 7})
        board.free(slot)
    assert board.read() == ({}, {"a": 111, "b": 2.5})


def test_what_the_supervisor_counts_is_among_the_sums() -> None:
    board = Scoreboard(1)
    board.count("forks", 0)
    slot = board.take()
    board.write(slot, {"counters": {"a": 1}})
    board.free(slot)
    board.count("forks")
    board.count("forks")
    assert board.read() == ({}, {"a": 1, "forks": 2})


def test_slots_are_given_again_empty_and_never_too_many() -> None:
    board = Scoreboard(2)
    slot = board.take()
    board.write(slot, {"counters": {"a": 1}})
    other = board.take()
    with pytest.raises(RuntimeError, match="more than 2 workers"):
        board.take()
    board.free(slot)
    assert board.take() == slot
    board.assign(slot, 5)
    assert board.read().workers == {5: {}}
    board.free(other)


def test_too_much_is_refused_and_changes_nothing() -> None:
    board = Scoreboard(1)
    slot = board.take()
    board.assign(slot, 1)
    board.write(slot, {"a": 1})
    with pytest.raises(ValueError, match="more than"):
        board.write(slot, {"a": "x" * MAX_SIZE})
    with pytest.raises(TypeError):
        board.write(slot, {"a": object()})
    assert board.read().workers == {1: {"a": 1}}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_readers_never_see_half_of_what_another_process_writes() -> None:
    board = Scoreboard(1)
    slot = board.take()
    pid = os.fork()
    if pid == 0:
        number = 0
        while True:
            number += 1
            board.write(slot, {"number": number, "again": [number] * 100})
    board.assign(slot, pid)
    try:
        seen = set()
        while len(seen) < 50:
            figures = board.read().workers[pid]
            if figures:
                assert figures["again"] == [figures["number"]] * 100
                seen.add(figures["number"])
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    # Killed in the middle of whatever it did, its last word is still whole.
    assert board.read().workers[pid]["number"] >= max(seen)
