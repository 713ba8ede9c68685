"""The command line as a process, for its tests."""

import http.client
import pathlib
import re
import socket

from tests.support.processes import Process, run_python, start_python

__all__ = ["APPLICATION", "get", "get_unix", "launched", "refused", "run", "serve"]

APPLICATION = """
import asyncio, gc, os, threading

async def hello(request):
    return b"hello"

def wait_for_ever():
    print("waiting", flush=True)
    threading.Event().wait()

async def stuck(request):
    await asyncio.to_thread(wait_for_ever)

async def broken(request):
    raise LookupError("nothing there")

class Namespace:
    hello = staticmethod(hello)

async def echo_address(request):
    return f"{request.remote_ip} {request.protocol}"

async def tell_pid(request):
    return str(os.getpid())

async def tell_frozen(request):
    return str(gc.get_freeze_count())

async def tell_certificate(request):
    certificate = request.get_ssl_certificate()
    return str(certificate and dict(certificate["subjectAltName"]))

def callback(request):
    request.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 8\\r\\n\\r\\ncallback")
    request.finish()

def make():
    return hello

def make_nothing():
    return None

def make_failing():
    raise OSError("no database")

async def make_async():
    return hello

number = 7
"""


def serve(app_dir: pathlib.Path, *arguments: str, env: dict[str, str] | None = None) -> Process:
    """Serve on a port of the system's choice."""
    return run(app_dir, *arguments, "--port", "0", env=env)


def run(app_dir: pathlib.Path, *arguments: str, env: dict[str, str] | None = None) -> Process:
    return start_python("-m", "asynchttp", *arguments, cwd=app_dir, env=env)


def launched(app_dir: pathlib.Path, prelude: str, *arguments: str, env: dict[str, str] | None = None) -> Process:
    """Serve in a process that begins with the statements of ``prelude``, as a service manager would prepare it."""
    code = f"import os, socket, sys\n{prelude}\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    # -W error would be our own and not the server's.
    return start_python("-c", code, "-W", "error", "-m", "asynchttp", *arguments, cwd=app_dir, env=env)


def refused(*arguments: str, cwd: pathlib.Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and what stands after ``asynchttp: error:`` on the only line of all output."""
    code, out, err = run_python("-m", "asynchttp", *arguments, cwd=cwd, env=env)
    assert out == ""
    match = re.fullmatch(r"asynchttp: error: (.+)\n", err)
    assert match, err
    return code, match[1]


def get(port: int, path: str = "/", host: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def get_unix(path: str | pathlib.Path) -> bytes:
    """The body of a response over a UNIX socket; a leading ``@`` is an abstract name."""
    name = str(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect("\0" + name[1:] if name.startswith("@") else name)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer.partition(b"\r\n\r\n")[2]
