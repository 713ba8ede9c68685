"""Forked crews, in interpreters of their own, and programs with pipes as streams."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asynchttp import process
from asynchttp.ioloop import IOLoop
from asynchttp.iostream import PipeIOStream
from asynchttp.process import CalledProcessError, Subprocess
from tests.support.logs import Expectation
from tests.support.processes import run_python, start_python

# Lines go out in one piece each: parent and children share stdout. `lives` is memory that they share too.
_PRELUDE = """
import logging, mmap, os, random, signal, sys, time
from asynchttp import process
from asynchttp.process import fork_processes, task_id

def report(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

class Report(logging.Handler):
    def emit(self, record):
        report(record.levelname, record.name, record.getMessage())
logging.getLogger("asynchttp").addHandler(Report())
logging.getLogger("asynchttp").setLevel(logging.INFO)
lives = mmap.mmap(-1, 4096)
signal.alarm(15)
"""


def run(script: str, **env: str) -> tuple[int, list[str], str]:
    """Exit code, lines in sorted order, standard error."""
    exit_code, out, err = run_python("-c", _PRELUDE + script, env=env)
    return exit_code, sorted(out.splitlines()), err


class TestForkProcesses:
    def test_children_return_with_their_numbers_and_the_parent_exits_with_0(self) -> None:
        exit_code, lines, err = run("""
assert task_id() is None
try:
    number = fork_processes(3)
except SystemExit as error:
    report("parent", error.code, task_id())
    raise
report("child", number, task_id())
os._exit(0)
""")
        assert exit_code == 0, err
        assert [line for line in lines if "pid" not in line] == [
            "INFO asynchttp.general Starting 3 processes",
            "child 0 0",
            "child 1 1",
            "child 2 2",
            "parent 0 None",
        ]
        assert [line.split(" (pid ")[0] for line in lines if line.endswith(") exited normally")] == [
            f"INFO asynchttp.general child {number}" for number in range(3)
        ]

    @pytest.mark.parametrize("number", ["None", "0", "-1"])
    def test_one_child_for_each_cpu(self, number: str) -> None:
        exit_code, lines, err = run(f"os._exit(fork_processes({number}) * 0)")
        assert exit_code == 0, err
        assert f"INFO asynchttp.general Starting {process.cpu_count()} processes" in lines

    def test_child_that_fails_is_replaced_under_its_number(self) -> None:
        exit_code, lines, err = run("""
number = fork_processes(2)
lives[number] += 1
if number == 0 and lives[0] == 1:
    os._exit(7)
if number == 0 and lives[0] == 2:
    os.kill(os.getpid(), signal.SIGKILL)
report("life", lives[number], "of", number)
os._exit(0)
""")
        assert exit_code == 0, err
        assert [line for line in lines if line.startswith("life")] == ["life 1 of 1", "life 3 of 0"]
        warnings = [line for line in lines if line.startswith("WARNING")]
        assert all(line.startswith("WARNING asynchttp.general child 0 (pid ") for line in warnings)
        assert sorted(line.split(") ")[1] for line in warnings) == [
            "exited with status 7, restarting",
            "killed by signal 9, restarting",
        ]

    @pytest.mark.parametrize(("argument", "restarts"), [("max_restarts=3", 3), ("max_restarts=0", 0), ("", 100)])
    def test_parent_gives_up_after_too_many_restarts(self, argument: str, restarts: int) -> None:
        exit_code, lines, err = run(f"""
try:
    fork_processes(1, {argument})
except RuntimeError as error:
    report("parent:", error)
    report(lives[0], "lives")
    try:
        os.wait()
    except ChildProcessError:
        report("nobody left")
    sys.exit(3)
lives[0] += 1
os._exit(1)
""")
        assert exit_code == 3, err
        assert "parent: Too many child restarts, giving up" in lines
        assert f"{restarts + 1} lives" in lines
        assert "nobody left" in lines

    def test_other_children_of_the_parent_are_no_matter(self) -> None:
        exit_code, lines, err = run("""
for status in (0, 5):
    if os.fork() == 0:
        os._exit(status)
number = fork_processes(1, max_restarts=0)
report("child", number)
os._exit(0)
""")
        assert exit_code == 0, err
        assert "child 0" in lines
        assert not [line for line in lines if line.startswith("WARNING")]

    def test_not_inside_a_child(self) -> None:
        exit_code, lines, err = run("""
number = fork_processes(1)
try:
    fork_processes(1)
except AssertionError as error:
    report(error)
os._exit(0)
""")
        assert exit_code == 0, err
        assert "fork_processes() called by its own child 0" in lines

    def test_not_inside_a_running_loop(self, loop_name: str) -> None:
        exit_code, lines, err = run(
            """
from asynchttp.ioloop import IOLoop
def fork():
    try:
        fork_processes(2)
    except RuntimeError as error:
        report(error)
IOLoop.current().run_sync(fork)
""",
            ASYNCHTTP_LOOP=loop_name,
        )
        assert exit_code == 0, err
        [line] = lines
        assert line.startswith("fork_processes() inside a running event loop")

    def test_loop_that_rests_does_no_harm(self, loop_name: str) -> None:
        exit_code, lines, err = run(
            """
from asynchttp.ioloop import IOLoop
async def nothing():
    pass
before = IOLoop.instance()
before.run_sync(nothing)
number = fork_processes(2)
IOLoop.instance().run_sync(nothing)
report("child", number, "has its own loop:", IOLoop.instance() is not before)
os._exit(0)
""",
            ASYNCHTTP_LOOP=loop_name,
        )
        assert exit_code == 0, err
        assert [line for line in lines if line.startswith("child")] == [
            f"child {number} has its own loop: True" for number in range(2)
        ]

    def test_children_draw_different_random_numbers(self) -> None:
        exit_code, lines, err = run("""
random.seed(1)
fork_processes(4)
report("drew", random.random())
os._exit(0)
""")
        assert exit_code == 0, err
        assert len({line for line in lines if line.startswith("drew")}) == 4

    @pytest.mark.parametrize("by_program", [False, True])
    def test_only_childrens_objects_are_frozen_unless_the_program_did_it(self, by_program: bool) -> None:
        exit_code, lines, err = run(f"""
import gc
if {by_program}:
    gc.freeze()
try:
    fork_processes(2)
except SystemExit:
    report("parent", gc.get_freeze_count() > 1000)
    raise
report("child", gc.get_freeze_count() > 1000)
os._exit(0)
""")
        assert exit_code == 0, err
        told = [line for line in lines if line.startswith(("child", "parent"))]
        assert told == ["child True", "child True", f"parent {by_program}"]

    def test_threads_are_warned_of_before_anything_is_forked(self) -> None:
        exit_code, lines, err = run("""
import threading
wait = threading.Event()
threading.Thread(target=wait.wait).start()
try:
    fork_processes(2)
except DeprecationWarning as warning:  # an error in this interpreter
    report(warning)
wait.set()
try:
    os.wait()
except ChildProcessError:
    report("no children")
""")
        assert exit_code == 0, err
        assert lines == [
            "forking workers with 1 more threads alive: children may deadlock on their locks",
            "no children",
        ]

    def test_ignored_sigchld_does_no_harm(self) -> None:
        exit_code, lines, err = run("""
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
number = fork_processes(2)
lives[number] += 1
report("child", number, signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN)
os._exit(lives[number] < 2)
""")
        assert exit_code == 0, err
        assert [line for line in lines if line.startswith("child")] == ["child 0 True"] * 2 + ["child 1 True"] * 2

    def test_sigterm_ends_children_and_parent(self) -> None:
        script = 'report("child", fork_processes(2)); time.sleep(30)'
        with start_python("-c", _PRELUDE + script) as parent:
            for number in range(2):
                parent.wait_for_line(f"^child {number}$")
            assert parent.stop() == 0
            assert parent.stdout.count("killed by signal 15") == 2

    def test_programs_own_handler_of_sigterm_stays(self) -> None:
        script = """
def bye(number, frame):
    report("bye", task_id())
    os._exit(0 if task_id() is None else 5)
signal.signal(signal.SIGTERM, bye)
number = fork_processes(1)
report("child", number)
os.read(process.worker().fileno(), 1)
report("orphan")
"""
        with start_python("-c", _PRELUDE + script) as parent:
            parent.wait_for_line("^child 0$")
            assert parent.stop() == 0
            parent.wait_for_line("^orphan$")
            assert "bye None" in parent.stdout

    def test_children_can_see_that_the_parent_was_killed(self) -> None:
        script = """
number = fork_processes(3)
lives[number] += 1
if number == 1 and lives[1] == 1:
    os._exit(1)  # a replacement must see it too
report("child", number)
os.read(process.worker().fileno(), 1)
report("orphan", number)
os._exit(0)
"""
        with start_python("-c", _PRELUDE + script) as parent:
            for number in range(3):
                parent.wait_for_line(f"^child {number}$")
            parent.send_signal(signal.SIGKILL)
            for number in range(3):
                parent.wait_for_line(f"^orphan {number}$")

    def test_nothing_is_left_open_when_the_parent_gives_up(self) -> None:
        exit_code, lines, err = run("""
before = sorted(os.listdir("/proc/self/fd"))
try:
    fork_processes(1, max_restarts=0)
except RuntimeError:
    report(sorted(os.listdir("/proc/self/fd")) == before)
else:
    os._exit(1)
""")
        assert exit_code == 0, err
        assert "True" in lines


class TestCpuCount:
    def test_at_least_one(self) -> None:
        assert process.cpu_count() >= 1

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
    def test_only_those_that_this_process_may_use(self) -> None:
        exit_code, lines, err = run(
            "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); report(process.cpu_count())"
        )
        assert exit_code == 0, err
        assert lines == ["1"]

    def test_unknown_counts_as_one(
        self, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[..., Expectation]
    ) -> None:
        expect_log("asynchttp.general", "^Could not detect number of processors; assuming 1$", count=1)
        monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: None)
        assert process.cpu_count() == 1


# ---- Subprocess -------------------------------------------------------------------------------------------------


def python(code: str, **kwargs: Any) -> Subprocess:
    return Subprocess([sys.executable, "-I", "-c", code], **kwargs)


def open_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture(params=["pidfd", "no pidfd", "kernel without pidfd"])
def each_way_to_wait(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no pidfd":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    elif request.param == "kernel without pidfd":

        def refuse(pid: int, flags: int = 0) -> int:
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)


@pytest.fixture(autouse=True)
def sigchld_is_left_alone() -> Iterator[None]:
    before = signal.getsignal(signal.SIGCHLD)
    yield
    assert signal.getsignal(signal.SIGCHLD) is before


async def exit_of(program: Subprocess) -> int:
    """What the exit callback gets."""
    result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    program.set_exit_callback(result.set_result)
    async with asyncio.timeout(10):
        return await result


@pytest.mark.asyncio
@pytest.mark.usefixtures("each_way_to_wait")
class TestExit:
    async def test_callback_gets_the_status(self) -> None:
        program = python("raise SystemExit(3)")
        assert program.pid == program.proc.pid
        assert program.returncode is None
        assert await exit_of(program) == 3
        assert program.returncode == 3
        assert program.proc.returncode == 3

    async def test_killed_by_a_signal_is_negative(self) -> None:
        program = Subprocess(["sleep", "60"])
        os.kill(program.pid, signal.SIGTERM)
        assert await exit_of(program) == -signal.SIGTERM

    async def test_callback_set_after_the_end(self) -> None:
        program = python("")
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - the loop must not see it first
        assert await exit_of(program) == 0

    async def test_callback_set_when_somebody_has_waited_already(self) -> None:
        program = python("raise SystemExit(4)")
        program.proc.wait()
        assert await exit_of(program) == 4
        assert await exit_of(program) == 4  # asked once more

    async def test_second_callback_replaces_the_first(self) -> None:
        program = python("")
        program.set_exit_callback(lambda status: pytest.fail("was replaced"))
        assert await exit_of(program) == 0

    async def test_future(self) -> None:
        assert await python("").wait_for_exit() == 0

    async def test_future_fails_with_the_status(self) -> None:
        program = python("raise SystemExit(1)")
        with pytest.raises(CalledProcessError, match="raise SystemExit") as info:
            await program.wait_for_exit()
        assert info.value.returncode == 1

    async def test_future_without_error(self) -> None:
        assert await python("raise SystemExit(1)").wait_for_exit(raise_error=False) == 1

    async def test_everybody_who_waits_is_told(self) -> None:
        program = Subprocess(["cat"], stdin=subprocess.PIPE)
        given_up, first, second = (program.wait_for_exit() for _ in range(3))
        called = asyncio.get_running_loop().create_future()
        program.set_exit_callback(called.set_result)
        given_up.cancel()
        program.proc.stdin.close()  # type: ignore[union-attr]
        assert await asyncio.gather(first, second, called) == [0, 0, 0]
        assert await program.wait_for_exit() == 0

    async def test_many_at_once(self) -> None:
        programs = [Subprocess(["sh", "-c", f"exit {n}"]) for n in range(20)]
        statuses = await asyncio.gather(*(program.wait_for_exit(raise_error=False) for program in programs))
        assert statuses == list(range(20))

    async def test_no_descriptor_stays_open(self) -> None:
        await python("").wait_for_exit()  # whatever a first time opens for good
        before = open_fds()
        await python("").wait_for_exit()
        assert open_fds() == before

    async def test_error_in_the_callback_is_logged(self, expect_log: Callable[..., Expectation]) -> None:
        def callback(status: int) -> None:
            raise ZeroDivisionError("mine")

        announced = expect_log("asynchttp.application", "^Exception in callback .*callback.*mine", count=1)
        python("").set_exit_callback(callback)
        await announced.wait()


@pytest.mark.asyncio
class TestStreams:
    async def test_stdin_and_stdout(self) -> None:
        program = Subprocess(["cat"], stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        assert isinstance(program.stdin, PipeIOStream)
        assert isinstance(program.stdout, PipeIOStream)
        assert program.stderr is None
        await program.stdin.write(b"one\ntwo\n")
        assert await program.stdout.read_until(b"\n") == b"one\n"
        assert await program.stdout.read_until(b"\n") == b"two\n"
        program.stdin.close()
        assert await program.stdout.read_until_close() == b""
        assert await program.wait_for_exit() == 0

    async def test_more_than_a_pipe_holds(self) -> None:
        program = Subprocess(["cat"], stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        data = os.urandom(1 << 20)
        program.stdin.write(data)
        assert await program.stdout.read_bytes(len(data)) == data
        program.stdin.close()
        program.stdout.close()
        assert await program.wait_for_exit() == 0

    async def test_stderr(self) -> None:
        program = python("import sys; sys.stderr.write('oops\\n')", stderr=Subprocess.STREAM)
        assert await program.stderr.read_until_close() == b"oops\n"
        assert program.stdin is None
        assert await program.wait_for_exit() == 0

    async def test_ordinary_pipes_stay_ordinary(self) -> None:
        program = Subprocess(["echo", "hello"], stdout=subprocess.PIPE)
        assert program.stdout is program.proc.stdout
        assert program.stdout.read() == b"hello\n"
        program.stdout.close()
        assert await program.wait_for_exit() == 0

    async def test_program_that_cannot_be_started_leaves_nothing(self) -> None:
        IOLoop.current()
        before = open_fds()
        with pytest.raises(FileNotFoundError):
            Subprocess(["/nonexistent"], stdin=Subprocess.STREAM, stdout=Subprocess.STREAM, stderr=Subprocess.STREAM)
        assert open_fds() == before

    async def test_no_descriptor_stays_open_and_the_child_gets_only_its_own(self) -> None:
        list_fds = "import os; print(sorted(os.listdir('/proc/self/fd')))"
        plain = python(list_fds, stdin=subprocess.DEVNULL, stdout=Subprocess.STREAM)
        expected = await plain.stdout.read_until_close()
        await plain.wait_for_exit()
        before = open_fds()
        other = Subprocess(["cat"], stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        program = python(list_fds, stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        assert await program.stdout.read_until_close() == expected
        other.stdin.close()
        await asyncio.gather(program.wait_for_exit(), other.wait_for_exit())
        program.stdin.close()
        program.stdout.close()
        other.stdout.close()
        await asyncio.sleep(0)
        assert open_fds() == before


@pytest.mark.asyncio
async def test_initialize_is_accepted_and_not_needed() -> None:
    Subprocess.initialize()
    Subprocess.initialize(io_loop=IOLoop.current())
    assert await python("", io_loop=IOLoop.current()).wait_for_exit() == 0
    Subprocess.uninitialize()
    Subprocess.uninitialize()


def test_in_a_loop_of_another_thread() -> None:
    statuses = []

    def work() -> None:
        io_loop = IOLoop(make_current=True)
        statuses.append(io_loop.run_sync(lambda: python("raise SystemExit(5)").wait_for_exit(raise_error=False)))
        io_loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert statuses == [5]


def test_loop_that_closes_first_keeps_no_descriptor() -> None:
    io_loop = IOLoop(make_current=False)
    before = open_fds()
    program = Subprocess(["cat"], stdin=subprocess.PIPE, io_loop=io_loop)
    program.set_exit_callback(lambda status: pytest.fail("the loop is gone"))
    io_loop.close(all_fds=True)
    program.proc.communicate()
    assert not open_fds() - before
