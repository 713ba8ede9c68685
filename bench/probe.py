"""One request by hand: does the server answer rightly, and with how many octets?

``authority`` is the file of whom to trust, empty for a server that doesn't speak TLS.
"""

import contextlib
import re
import socket
import ssl
import time

from bench.servers._site import BODY
from bench.tls import client_context
from bench.work import Answer, BenchError, variants

#: Seconds in which a server that said it is ready must accept and answer.
PATIENCE = 10.0

_STATUS_LINE = re.compile(rb"HTTP/1\.1 200 [^\r\n]*\r\n")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")


def http_answer(
    port: int,
    request: bytes,
    body: bytes = BODY,
    pipelined: int = 1,
    closes: bool = False,
    authority: str = "",
) -> Answer:
    """Send ``request`` twice; the answers must be a 200 with ``body``, all equally long.

    Args:
        pipelined: requests that ``request`` is, and answers that come back.
        closes: the server must close after its answer, and be asked on another connection; else it must not.
    """
    answers: list[bytes] = []
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(_connected(port, authority))
        for number in range(2):
            sock.sendall(variants(request, 1, first=number)[0])
            rest = b""
            for _ in range(pipelined):
                answer, rest = _http_received(sock, rest, body)
                answers.append(answer)
            if rest:
                raise BenchError(f"more than was asked for: {rest[:200]!r}")
            if closes:
                _see_end(sock)
                sock = stack.enter_context(_connected(port, authority))
    if len({len(answer) for answer in answers}) > 1:
        raise BenchError(f"answers differ in size: {answers[0][:500]!r} and {answers[1][:500]!r}")
    tail = body[-13:] if answers[0].endswith(body) else answers[0][-13:]
    return Answer(len(answers[0]), b"HTTP/1.1 200 ", tail)


def _http_received(sock: socket.socket, data: bytes, body: bytes) -> tuple[bytes, bytes]:
    """One whole answer, and what came after it. ``data`` came before."""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _received(sock, data)
    length = _CONTENT_LENGTH.search(data, 0, end + 2)
    chunked = _CHUNKED.search(data, 0, end + 2)
    if not _STATUS_LINE.match(data) or (length is None) == (chunked is None):
        raise BenchError(f"not a 200 with a Content-Length, or in chunks: {data[:200]!r}")
    if length is not None:
        size = end + 4 + int(length[1])
        while len(data) < size:
            data += _received(sock, data)
        found = data[end + 4 : size]
    else:
        while (decoded := _decoded(data, end + 4)) is None:
            data += _received(sock, data)
        found, size = decoded
    if found != body:
        raise BenchError(f"not the body that was asked for: {data[: end + 200]!r}")
    return data[:size], data[size:]


def _decoded(data: bytes, start: int) -> tuple[bytes, int] | None:
    """The body in the chunks from ``start``, and where they end; ``None``: they aren't whole."""
    body, position = bytearray(), start
    while line := _CHUNK_LINE.match(data, position):
        size, position = int(line[1], 16), line.end()
        if len(data) < position + size + 2:
            return None
        body += data[position : position + size]
        position += size + 2
        if size == 0:
            return bytes(body), position
    return None


def _see_end(sock: socket.socket) -> None:
    """The server must close, and say no more."""
    try:
        said = sock.recv(1 << 16)
    except TimeoutError:
        raise BenchError("the connection stays open after Connection: close") from None
    except OSError as error:
        raise BenchError(f"no clean end after Connection: close: {error}") from error
    if said:
        raise BenchError(f"more than was asked for: {said[:200]!r}")


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
