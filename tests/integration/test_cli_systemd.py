"""What the service manager is told through ``NOTIFY_SOCKET``."""

import os
import pathlib
import re
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.integration.cli import get, launched, serve


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.settimeout(20)

    def message(self) -> str:
        return self.sock.recv(4096).decode()

    def message_but(self, other: str) -> str:
        while (message := self.message()) == other:
            pass
        return message


@pytest.fixture
def manager(tmp_path: pathlib.Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    with manager.sock:
        yield manager


@pytest.mark.parametrize("workers", ["1", "2"])
def test_life_of_a_service(app_dir: pathlib.Path, manager: Manager, workers: str) -> None:
    with serve(app_dir, "app:hello", "--workers", workers, env={"NOTIFY_SOCKET": str(manager.path)}) as process:
        assert manager.message() == "READY=1"
        port = process.wait_for_port()
        assert get(port) == (200, b"hello")
        process.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.message())
        assert manager.message() == "READY=1"
        process.send_signal(signal.SIGTERM)
        assert manager.message_but("READY=1") == "STOPPING=1"
        assert process.wait() == 0


def test_not_ready_when_it_cannot_listen(app_dir: pathlib.Path, manager: Manager) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        launched(
            app_dir,
            "",
            "app:hello",
            "--port",
            str(taken.getsockname()[1]),
            env={"NOTIFY_SOCKET": str(manager.path)},
        ) as process,
    ):
        assert process.wait() == 1
        manager.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.message()


def test_abstract_name_of_the_socket(app_dir: pathlib.Path) -> None:
    name = f"asynchttp-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        sock.settimeout(20)
        with serve(app_dir, "app:hello", env={"NOTIFY_SOCKET": "@" + name}) as process:
            assert sock.recv(100) == b"READY=1"
            assert process.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_watchdog_is_fed(app_dir: pathlib.Path, manager: Manager, workers: str) -> None:
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000"}
    with serve(app_dir, "app:hello", "--workers", workers, env=env) as process:
        assert [manager.message_but("READY=1") for _ in range(5)] == ["WATCHDOG=1"] * 5
        assert process.stop() == 0


def test_blocked_loop_does_not_feed_the_watchdog(app_dir: pathlib.Path, manager: Manager) -> None:
    (app_dir / "block.py").write_text(
        "import time\nasync def handle(request):\n    print('blocked', flush=True)\n    time.sleep(1)\n"
        "    return b'over'\n"
    )
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "100000"}
    with serve(app_dir, "block:handle", env=env) as process:
        port = process.wait_for_port()
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            process.wait_for_line("blocked")
            manager.sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:  # those from before
                    manager.message()
            assert client.makefile("rb").read().endswith(b"over")
        manager.sock.settimeout(20)
        assert manager.message() == "WATCHDOG=1"
        assert process.stop() == 0


@pytest.mark.parametrize("pid", ["1", "x"])
def test_watchdog_of_another_process_is_not_fed(app_dir: pathlib.Path, manager: Manager, pid: str) -> None:
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000", "WATCHDOG_PID": pid}
    with serve(app_dir, "app:hello", env=env) as process:
        process.wait_for_port()
        assert process.stop() == 0
    assert [manager.message(), manager.message()] == ["READY=1", "STOPPING=1"]


def test_application_does_not_see_the_variables(app_dir: pathlib.Path, manager: Manager) -> None:
    (app_dir / "env.py").write_text(
        "import os\nasync def handle(request):\n"
        "    return repr([k for k in os.environ if k.startswith(('NOTIFY', 'WATCHDOG'))])\n"
    )
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"}
    with serve(app_dir, "env:handle", env=env) as process:
        assert get(process.wait_for_port()) == (200, b"[]")


def test_manager_that_has_gone_harms_nothing(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", env={"NOTIFY_SOCKET": "/no/such/socket", "WATCHDOG_USEC": "20000"}) as process:
        assert get(process.wait_for_port()) == (200, b"hello")
        assert process.stop() == 0
        assert process.stderr == ""
