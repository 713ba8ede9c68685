"""What one small request may cost at most: each number is a promise. All bounds of this directory stand here.

To tighten them: lower a number to what the failing test or ``python -m bench instructions`` says. To raise one needs a
reason, in the commit.
"""

import dataclasses
import sys

EAGER = sys.version_info >= (3, 12)
#: of a handler's task, which isn't eager before Python 3.12: its step
STEP = 0 if EAGER else 1


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one request; ``writes`` of one packet, however many requests it holds."""

    tasks: int = 0
    futures: int = 0
    timers: int = 0
    callbacks: int = 0
    """``call_soon``; the step of a task that isn't eager is one"""
    writes: int = 1
    objects: int = 1
    """that the garbage collector tracks, of a request that is kept"""
    frames: int = 0
    """calls of Python functions of the package"""
    blocks: int = 0
    """of memory that a request of a script has, when its answer is written"""


#: Of handlers, on a real socket and both loops (``test_styles.py``). Frames are those of the second and later requests
#: of a connection, one in a packet.
STYLES = {
    "raw": Cost(frames=14),
    "respond": Cost(frames=12),
    "respond, returned": Cost(frames=14),
    "structured": Cost(frames=41),
    "coroutine": Cost(tasks=1, callbacks=STEP, frames=14),
    "coroutine that responds": Cost(tasks=1, callbacks=STEP, frames=16),
}


#: Of the scripts in ``bench/scripts.py`` (``test_scripts.py``), without ``objects``.
SCRIPTS = {
    "callback": Cost(frames=14, blocks=14),
    "callback-14": Cost(frames=14, blocks=16),
    "respond": Cost(frames=12, blocks=14),
    "respond-log": Cost(frames=13, blocks=16),
    "await": Cost(tasks=1, callbacks=STEP, frames=15, blocks=18),
    "await-bytes": Cost(tasks=1, callbacks=STEP, frames=13, blocks=18),
    "application": Cost(tasks=1, callbacks=3, frames=59, blocks=49),
    "asgi": Cost(tasks=1, callbacks=STEP, frames=22, blocks=24),
    "wsgi": Cost(tasks=1, futures=1, callbacks=STEP + 2, frames=33, blocks=27),
    "echo": Cost(futures=1, frames=8, blocks=9),
    "echo-callback": Cost(frames=15, blocks=9),
}

#: Instructions, of each script that ``python -m bench instructions`` plays, on x86-64 (``test_instructions.py``), but
#: ``starlette``: another version of it would have another figure. What the command prints under each interpreter stands
#: here; so much more than that is allowed:
SLACK = 1.03
#: This one isn't ours. An interpreter that was built in another way may need more for it, and then for the others too.
YARDSTICK = "naive"
INSTRUCTIONS: dict[tuple[int, int], dict[str, int]] = {
    (3, 11): {
        "naive": 55_665,
        "callback": 16_008,
        "callback-14": 22_915,
        "respond": 16_911,
        "respond-log": 27_620,
        "await": 49_965,
        "await-bytes": 49_516,
        "application": 414_935,
        "asgi": 73_389,
        "wsgi": 136_011,
        "echo": 17_381,
        "echo-callback": 20_586,
    },
    (3, 12): {
        "naive": 64_069,
        "callback": 17_468,
        "callback-14": 25_598,
        "respond": 18_658,
        "respond-log": 30_820,
        "await": 28_154,
        "await-bytes": 27_831,
        "application": 466_879,
        "asgi": 56_070,
        "wsgi": 128_995,
        "echo": 21_998,
        "echo-callback": 22_813,
    },
    (3, 13): {
        "naive": 64_138,
        "callback": 18_369,
        "callback-14": 26_516,
        "respond": 19_246,
        "respond-log": 31_170,
        "await": 28_537,
        "await-bytes": 28_165,
        "application": 446_292,
        "asgi": 55_634,
        "wsgi": 125_482,
        "echo": 22_887,
        "echo-callback": 23_643,
    },
}
