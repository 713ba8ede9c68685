"""One request by hand: does the server answer rightly, and with how many octets?

``authority`` is the file of whom to trust, empty for a server that doesn't speak TLS.
"""

import re
import socket
import ssl
import time

from bench.tls import client_context
from bench.work import Answer, BenchError

#: Seconds in which a server that said it is ready must accept and answer.
PATIENCE = 10.0

BODY = b"Hello, world!"
_STATUS_LINE = re.compile(rb"HTTP/1\.1 200 [^\r\n]*\r\n")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)


def http_answer(port: int, request: bytes) -> Answer:
    """Send ``request`` twice on one connection; both answers must be a 200 with ``BODY``, equally long."""
    with _connected(port) as sock:
        first, second = _http_exchange(sock, request), _http_exchange(sock, request)
    if len(first) != len(second):
        raise BenchError(f"answers differ in size: {first!r} and {second!r}")
    return Answer(len(first), b"HTTP/1.1 200 ", BODY)


def _http_exchange(sock: socket.socket, request: bytes) -> bytes:
    sock.sendall(request)
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _received(sock, answer)
    length = _CONTENT_LENGTH.search(answer, 0, end + 2)
    if not _STATUS_LINE.match(answer) or length is None:
        raise BenchError(f"not a 200 with a Content-Length: {answer[:200]!r}")
    size = end + 4 + int(length[1])
    while len(answer) < size:
        answer += _received(sock, answer)
    if answer[end + 4 :] != BODY:
        raise BenchError(f"not the body that was asked for: {answer[:200]!r}")
    return answer


def echo_answer(port: int, request: bytes, authority: str = "") -> Answer:
    """Send ``request`` once; the same octets must come back."""
    with _connected(port, authority) as sock:
        sock.sendall(request)
        answer = b""
        while len(answer) < len(request):
            answer += _received(sock, answer)
    if answer != request:
        raise BenchError(f"not an echo: {answer[:100]!r}")
    return Answer(len(request), request, b"")


def last_octet_answer(port: int, request: bytes, authority: str = "") -> Answer:
    """Send ``request`` three times at once, and nothing behind it: each is answered with its last octet.

    That octet stands nowhere else in it, so a server that cuts the stream elsewhere is found out.
    """
    last = request[-1:]
    answer = b""
    with _connected(port, authority) as sock:
        sock.sendall(request * 3)
        while len(answer) < 3:
            answer += _received(sock, answer)
    if answer != last * 3:
        raise BenchError(f"not the last octet of each piece, {last!r}, but {answer[:100]!r}")
    return Answer(1, last, b"")


def _received(sock: socket.socket, so_far: bytes) -> bytes:
    try:
        data = sock.recv(1 << 18)
    except TimeoutError:
        raise BenchError(f"no answer within {PATIENCE:g} s, after {so_far[:100]!r}") from None
    except OSError as error:
        raise BenchError(f"{error}, after {so_far[:100]!r}") from error
    if not data:
        raise BenchError(f"closed in the middle of an answer, after {so_far[:100]!r}")
    return data


def _connected(port: int, authority: str = "") -> socket.socket:
    """A connection; some servers say that they are ready before they listen."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise BenchError(f"nobody accepts on port {port}") from None
            time.sleep(0.05)
    if not authority:
        return sock
    try:
        return client_context(authority).wrap_socket(sock, server_hostname="127.0.0.1")
    except (ssl.SSLError, OSError) as error:
        sock.close()
        raise BenchError(f"no TLS handshake: {error}") from error
