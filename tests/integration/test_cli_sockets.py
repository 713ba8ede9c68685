"""The command line's listening sockets: several, of UNIX, inherited, passed by systemd; and wrong ones."""

import os
import pathlib
import re
import signal
import socket
import stat

import pytest

from tests.integration.cli import get, get_unix, launched, refused, run, serve
from tests.support.processes import Process

LISTEN = "s = socket.create_server(('127.0.0.1', 0)); s.set_inheritable(True);"


def ports(process: Process, number: int) -> list[int]:
    """The ports of ``number`` TCP sockets: their lines come together."""
    process.wait_for_port()
    found = re.findall(r"listening on http://\S+:(\d+) ", process.stdout)
    while len(found) < number:
        found = re.findall(r"listening on http://\S+:(\d+) ", process.stdout)
    return [int(port) for port in found]


def test_several_addresses(app_dir: pathlib.Path) -> None:
    binds = ["--bind", "127.0.0.1:0", "--bind", "unix:x.sock", "--bind", "127.0.0.1:0"]
    with run(app_dir, "app:hello", *binds) as process:
        for port in ports(process, 2):
            assert get(port) == (200, b"hello")
        assert "listening on unix:x.sock (" in process.stdout
        assert get_unix(app_dir / "x.sock") == b"hello"
        assert process.stop() == 0
    assert process.stdout.count("\n") == 3
    assert not (app_dir / "x.sock").exists()


@pytest.mark.parametrize(("flags", "mode"), [((), 0o600), (("--uds-permissions", "666"), 0o666)])
def test_unix_socket_has_its_permissions(app_dir: pathlib.Path, flags: tuple[str, ...], mode: int) -> None:
    with run(app_dir, "app:hello", "--uds", "x.sock", *flags) as process:
        process.wait_for_line("listening on unix:x.sock")
        assert stat.S_IMODE((app_dir / "x.sock").stat().st_mode) == mode
        assert get_unix(app_dir / "x.sock") == b"hello"
        assert process.stop() == 0


def test_socket_that_a_killed_process_left_is_replaced(app_dir: pathlib.Path) -> None:
    with run(app_dir, "app:hello", "--uds", "x.sock") as process:
        process.wait_for_line("listening")
        process.kill()
    assert (app_dir / "x.sock").exists()
    with run(app_dir, "app:hello", "--uds", "x.sock") as process:
        process.wait_for_line("listening")
        assert get_unix(app_dir / "x.sock") == b"hello"


def test_socket_of_a_successor_is_not_removed(app_dir: pathlib.Path) -> None:
    with run(app_dir, "app:hello", "--uds", "x.sock") as process:
        process.wait_for_line("listening")
        os.unlink(app_dir / "x.sock")
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(app_dir / "x.sock"))
            assert process.stop() == 0
            assert (app_dir / "x.sock").exists()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux has abstract names")
def test_abstract_name(app_dir: pathlib.Path) -> None:
    name = f"@asynchttp-test-{os.getpid()}"
    with run(app_dir, "app:hello", "--bind", f"unix:{name}") as process:
        process.wait_for_line(f"listening on unix:{name}")
        assert get_unix(name) == b"hello"


# Inherited


@pytest.mark.parametrize("number", [0, 7])
@pytest.mark.parametrize("flags", ["--fd {}", "--bind fd://{}"])
def test_inherited_descriptor(app_dir: pathlib.Path, number: int, flags: str) -> None:
    prelude = f"{LISTEN} os.dup2(s.fileno(), {number})"
    with launched(app_dir, prelude, "app:hello", *flags.format(number).split()) as process:
        assert get(process.wait_for_port()) == (200, b"hello")
        assert process.stop() == 0


def test_inherited_unix_socket_is_not_taken_for_another_family(app_dir: pathlib.Path) -> None:
    prelude = "s = socket.socket(socket.AF_UNIX); s.bind('x.sock'); s.listen(); os.dup2(s.fileno(), 5)"
    with launched(app_dir, prelude, "app:hello", "--fd", "5") as process:
        process.wait_for_line("listening on unix:x.sock")
        assert get_unix(app_dir / "x.sock") == b"hello"
        assert process.stop() == 0
    # it isn't ours
    assert (app_dir / "x.sock").exists()


def test_bound_socket_that_does_not_listen_yet(app_dir: pathlib.Path) -> None:
    prelude = "s = socket.socket(); s.bind(('127.0.0.1', 0)); os.dup2(s.fileno(), 5)"
    with launched(app_dir, prelude, "app:hello", "--fd", "5") as process:
        assert get(process.wait_for_port()) == (200, b"hello")


ACTIVATE = "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS={!r}, LISTEN_FDNAMES='http')"


def test_sockets_that_systemd_passes(app_dir: pathlib.Path) -> None:
    (app_dir / "env.py").write_text(
        "import os\nasync def hello(request):\n    return repr(sorted(k for k in os.environ if 'LISTEN_' in k))\n"
    )
    prelude = (
        f"{LISTEN} t = socket.create_server(('127.0.0.1', 0)); os.dup2(s.fileno(), 30); os.dup2(t.fileno(), 31);"
        f"os.dup2(30, 3); os.dup2(31, 4); {ACTIVATE.format('2')}"
    )
    with launched(app_dir, prelude, "env:hello") as process:
        for port in ports(process, 2):
            assert get(port) == (200, b"[]")
        assert process.stop() == 0


def test_sockets_passed_to_somebody_else_are_left_alone(app_dir: pathlib.Path) -> None:
    with serve(app_dir, "app:hello", env={"LISTEN_PID": "1", "LISTEN_FDS": "1"}) as process:
        assert get(process.wait_for_port()) == (200, b"hello")


@pytest.mark.parametrize("flag", ["--port 0", "--uds x.sock", "--bind :0", "--fd 3"])
def test_systemd_and_a_flag_are_two_sources(app_dir: pathlib.Path, flag: str) -> None:
    with launched(app_dir, ACTIVATE.format("1"), "app:hello", *flag.split()) as process:
        assert process.wait() == 2
        line = f"asynchttp: error: two sources of sockets: {flag.split()[0]} and LISTEN_FDS\n"
        assert (process.stdout, process.stderr) == ("", line)


def test_connections_wait_in_a_passed_socket_while_the_service_restarts(app_dir: pathlib.Path) -> None:
    """Whoever connects between two processes is served by the second."""
    manager = f"""
{LISTEN}
import signal, subprocess
def start():
    def activate():
        os.dup2(s.fileno(), 3)
        {ACTIVATE.format("1")}
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
    return subprocess.Popen([sys.executable], preexec_fn=activate, pass_fds=[3], stdout=subprocess.PIPE)
first = start()
print(first.stdout.readline().decode(), end="", flush=True)
first.send_signal(signal.SIGTERM)
assert first.wait() == 0
client = socket.create_connection(s.getsockname())
client.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
second = start()
answer = client.makefile("rb").read()
second.send_signal(signal.SIGTERM)
assert second.wait() == 0
print(answer.rpartition(b"\\n")[2].decode(), flush=True)
sys.exit(0)
"""
    with launched(app_dir, manager, "app:hello") as process:
        process.wait_for_line("^hello$")
        assert process.wait() == 0


# What it says when it can't listen


def test_port_in_use_is_named(app_dir: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = refused("app:hello", "--bind", "127.0.0.1:0", "--bind", f"127.0.0.1:{port}", cwd=app_dir)
    assert code == 1
    assert line == f"--bind: cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_unix_socket_that_somebody_serves_is_not_taken_away(app_dir: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(app_dir / "x.sock"))
        other.listen()
        code, line = refused("app:hello", "--uds", "x.sock", cwd=app_dir)
        assert (code, line) == (1, "--uds: cannot listen on x.sock: Address already in use")
        other.settimeout(10)
        other.accept()[0].close()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no/such/dir/x.sock", "No such file or directory"),
        ("app.py", "file 'app.py' exists and is not a socket"),
        ("x" * 200, "AF_UNIX path too long"),
        ("app.py/x.sock", "Not a directory"),
    ],
)
def test_path_that_cannot_be_used(app_dir: pathlib.Path, path: str, reason: str) -> None:
    for flags in (("--uds", path), ("--bind", f"unix:{path}")):
        code, line = refused("app:hello", *flags, cwd=app_dir)
        assert (code, line) == (1, f"{flags[0]}: cannot listen on {path}: {reason}")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may do everything")
def test_directory_without_permission(app_dir: pathlib.Path) -> None:
    (closed := app_dir / "closed").mkdir(0o500)
    code, line = refused("app:hello", "--uds", str(closed / "x"), cwd=app_dir)
    assert (code, line) == (1, f"--uds: cannot listen on {closed / 'x'}: Permission denied")


@pytest.mark.parametrize(
    ("prelude", "reason"),
    [
        ("", "Bad file descriptor"),
        ("os.dup2(os.open('app.py', os.O_RDONLY), 9)", "Socket operation on non-socket"),
        ("s, t = socket.socketpair(); os.dup2(s.fileno(), 9)", "a connection, not a listening socket"),
        ("s = socket.socket(type=socket.SOCK_DGRAM); os.dup2(s.fileno(), 9)", "not a stream socket"),
    ],
)
def test_descriptor_that_is_no_listening_socket(app_dir: pathlib.Path, prelude: str, reason: str) -> None:
    with launched(app_dir, prelude, "app:hello", "--fd", "9") as process:
        assert process.wait() == 1
        assert process.stderr == f"asynchttp: error: --fd: cannot listen on descriptor 9: {reason}\n"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("\u00b2", "'\u00b2' is not a whole number: 0 to 1024"),
        ("-1", "'-1' is not a whole number: 0 to 1024"),
        ("1025", "'1025' is not a whole number: 0 to 1024"),
        ("9" * 5000, "' is not a whole number: 0 to 1024"),
        ("300", "cannot listen on descriptor 3: Bad file descriptor"),
    ],
)
def test_service_manager_that_passes_nonsense(app_dir: pathlib.Path, number: str, message: str) -> None:
    with launched(app_dir, ACTIVATE.format(number), "app:hello") as process:
        assert process.wait() == (1 if "descriptor" in message else 2)
        assert (process.stdout, process.stderr.count("\n")) == ("", 1)
        assert process.stderr.startswith("asynchttp: error: LISTEN_FDS: ")
        assert process.stderr.endswith(f"{message}\n")


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (("--bind", "fd://5", "--bind", "fd://5"), "--bind"),
        (("--fd", "5", "--admin", "fd://5"), "--admin"),
    ],
)
def test_descriptor_that_is_given_twice(app_dir: pathlib.Path, flags: tuple[str, ...], name: str) -> None:
    with launched(app_dir, f"{LISTEN} os.dup2(s.fileno(), 5)", "app:hello", *flags) as process:
        assert process.wait() == 2
        assert (process.stdout, process.stderr) == (
            "",
            f"asynchttp: error: {name}: descriptor 5 is given twice\n",
        )


def test_host_that_is_no_name(app_dir: pathlib.Path) -> None:
    for host in ("a" * 300, "a..b"):
        code, line = refused("app:hello", "--host", host, cwd=app_dir)
        assert code == 1
        assert line.startswith(f"--host: cannot listen on {host!r}: ")


def test_variable_that_names_the_address(app_dir: pathlib.Path) -> None:
    with run(app_dir, "app:hello", env={"ASYNCHTTP_BIND": "127.0.0.1:0"}) as process:
        assert get(process.wait_for_port()) == (200, b"hello")
        assert process.stop(signal.SIGINT) == 0


def test_backlog_is_in_force(app_dir: pathlib.Path) -> None:
    """One that is full lets no more in: connections beyond it aren't established while nobody accepts."""
    with serve(app_dir, "app:hello", "--backlog", "3") as process:
        port = process.wait_for_port()
        process.send_signal(signal.SIGSTOP)
        clients = []
        try:
            for _ in range(4):  # Linux lets one more in than it was asked for
                clients.append(socket.create_connection(("127.0.0.1", port), 10))
            late = socket.socket()
            clients.append(late)
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.connect(("127.0.0.1", port))
        finally:
            process.send_signal(signal.SIGCONT)
            for client in clients:
                client.close()
