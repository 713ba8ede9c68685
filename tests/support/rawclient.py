"""An HTTP client that sends exact octets and says exactly what came back."""

import asyncio
import dataclasses
import re
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self

__all__ = ["RawClient", "RawResponse"]

_STATUS_LINE = re.compile(rb"HTTP/(\d)\.(\d) (\d{3})(?: ([^\r\n]*))?")


@dataclasses.dataclass(frozen=True)
class RawResponse:
    """One response as it was on the wire."""

    version: tuple[int, int]
    status: int
    reason: str
    headers: list[tuple[str, str]]  #: names as sent, in order, repeated ones kept
    body: bytes  #: without the chunked coding
    raw: bytes  #: every octet: head, body with its coding, trailers

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first value of ``name``, in whatever case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def header_list(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def has_token(self, name: str, token: str) -> bool:
        """Whether the comma-separated field ``name`` holds ``token``, in whatever case."""
        tokens = ",".join(self.header_list(name)).lower().split(",")
        return token.lower() in (item.strip() for item in tokens)


class RawClient:
    """A TCP connection of the running loop.  Nothing is sent that the test didn't write.

    An operation fails with ``TimeoutError`` after ``deadline`` seconds. A reset by the peer reads as its end,
    with :attr:`was_reset` set: a test that cares looks there.
    """

    def __init__(self, sock: socket.socket, deadline: float = 5.0) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.deadline = deadline
        self.was_reset = False
        self._buffer = bytearray()
        self._eof = False

    @classmethod
    async def connect(
        cls,
        port: int,
        host: str = "127.0.0.1",
        *,
        deadline: float = 5.0,
        receive_buffer: int | None = None,
        uds: str | None = None,
    ) -> Self:
        """Connect, to a UNIX socket if ``uds`` is its path.

        A small ``receive_buffer`` (octets) makes a slow reader that the server soon feels.
        """
        family = socket.AF_UNIX if uds else socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if not uds:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = cls(sock, deadline)
            async with asyncio.timeout(deadline):
                await asyncio.get_running_loop().sock_connect(sock, uds or (host, port))
        except BaseException:
            sock.close()
            raise
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def local_port(self) -> int:
        port: int = self.sock.getsockname()[1]
        return port

    # Writing

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(self.deadline):
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send piece by piece, with loop turns between: a server on the same loop sees each alone."""
        for piece in pieces:
            await self.send(piece)
            for _ in range(3):
                await asyncio.sleep(0)

    def shutdown_write(self) -> None:
        """Half-close: the peer reads an end, and can still answer."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def abort(self) -> None:
        """Close with a reset instead of an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # Reading

    async def read_until(self, delimiter: bytes) -> bytes:
        """Read up to and including ``delimiter``.  Raises ``EOFError`` with what came instead."""
        async with asyncio.timeout(self.deadline):
            while (end := self._buffer.find(delimiter)) < 0:
                await self._fill(f"before {delimiter!r}")
            return self._take(end + len(delimiter))

    async def read_exactly(self, size: int) -> bytes:
        async with asyncio.timeout(self.deadline):
            while len(self._buffer) < size:
                await self._fill(f"before {size} octets")
            return self._take(size)

    async def read_some(self) -> bytes:
        """Read at least one octet; ``b""`` at the end."""
        async with asyncio.timeout(self.deadline):
            if not self._buffer:
                await self._receive()
            return self._take(len(self._buffer))

    async def read_to_end(self) -> bytes:
        """Read until the peer closes."""
        async with asyncio.timeout(self.deadline):
            while not self._eof:
                await self._receive()
            return self._take(len(self._buffer))

    async def read_response(self, method: str = "GET") -> RawResponse:
        """Read one response to a request with ``method``.  A 1xx is a response here: read again for the next.

        The body ends by ``Content-Length``, the last chunk, or the connection's end. Anything that a careful
        client would refuse (a bad status line, a bare LF, both framings) is a ``ValueError``.
        """
        head = await self.read_until(b"\r\n\r\n")
        status_line, *lines = head[:-4].split(b"\r\n")
        match = _STATUS_LINE.fullmatch(status_line)
        if not match:
            raise ValueError(f"not a status line: {status_line!r}")
        headers = [_field(line) for line in lines]
        status = int(match[3])
        body, raw_body = await self._read_body(status, method, headers)
        reason = (match[4] or b"").decode("latin-1")
        return RawResponse((int(match[1]), int(match[2])), status, reason, headers, body, head + raw_body)

    async def request(self, data: bytes) -> RawResponse:
        """Send ``data``, read one response."""
        await self.send(data)
        return await self.read_response(data.split(b" ", 1)[0].decode("latin-1"))

    async def _read_body(self, status: int, method: str, headers: list[tuple[str, str]]) -> tuple[bytes, bytes]:
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
        if len(lengths) + len(codings) > 1:
            raise ValueError(f"more than one framing: {lengths + codings}")
        if status < 200 or status in (204, 304) or method == "HEAD":
            return b"", b""
        if codings:
            if codings[0].lower() != "chunked":
                raise ValueError(f"unknown coding: {codings[0]!r}")
            return await self._read_chunks()
        if lengths:
            if not re.fullmatch(r"[0-9]+", lengths[0]):
                raise ValueError(f"not a length: {lengths[0]!r}")
            body = await self.read_exactly(int(lengths[0]))
            return body, body
        body = await self.read_to_end()
        return body, body

    async def _read_chunks(self) -> tuple[bytes, bytes]:
        body = raw = b""
        while True:
            line = await self.read_until(b"\r\n")
            if not re.fullmatch(rb"[0-9A-Fa-f]+(;[^\r\n]*)?\r\n", line):
                raise ValueError(f"not a chunk size: {line!r}")
            raw += line
            size = int(line.split(b";")[0], 16)
            if not size:
                break
            data = await self.read_exactly(size + 2)
            if data[-2:] != b"\r\n":
                raise ValueError(f"no CRLF after a chunk: {data[-2:]!r}")
            raw += data
            body += data[:-2]
        while (line := await self.read_until(b"\r\n")) != b"\r\n":
            _field(line[:-2])
            raw += line
        return body, raw + line

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def _fill(self, where: str) -> None:
        if self._eof or not await self._receive():
            what = "reset" if self.was_reset else "end"
            raise EOFError(f"{what} {where}; received {bytes(self._buffer)!r}")

    async def _receive(self) -> bool:
        if self._eof:
            return False
        try:
            data = await asyncio.get_running_loop().sock_recv(self.sock, 65536)
        except ConnectionError:
            self.was_reset = True
            data = b""
        self._buffer += data
        self._eof = not data
        return bool(data)


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name) or re.search(rb"[\r\n\0]", value):
        raise ValueError(f"not a field: {line!r}")
    return name.decode("ascii"), value.strip(b" \t").decode("latin-1")
