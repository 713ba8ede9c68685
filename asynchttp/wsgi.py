"""WSGI applications as handlers: Flask, Django, Bottle, Pyramid and their like.

>>> server = HTTPServer(WSGIHandler(app))

``WSGIContainer`` is here, too: Tornado's own, which runs an application below a ``web.Application`` (extra
``tornado``).

Source: PEP 3333.
"""

import asyncio
import contextlib
import importlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any, Final
from urllib.parse import unquote_to_bytes

from asynchttp import httputil
from asynchttp._dispatch import Run, Start, Starter
from asynchttp._exchange import ServerRequest
from asynchttp._interfaces import HTTPMessageDelegate
from asynchttp._response import summary
from asynchttp._wsgi_threads import Outbox, ThreadCall, Threads
from asynchttp.httputil import HTTPOutputError
from asynchttp.iostream import StreamClosedError
from asynchttp.log import app_log

__all__ = ["WSGIHandler"]

Environ = dict[str, Any]
ResponseHead = tuple[int, str, list[tuple[str, str]]]

#: Octets of a request body above which it goes to a temporary file.
_SPOOL_SIZE: Final = 524288
#: Fields that are the server's to write (PEP 3333 calls them hop-by-hop and forbids them).
_HOP_BY_HOP: Final = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class WSGIHandler(Starter):
    """A handler for :class:`~asynchttp.httpserver.HTTPServer` that runs a WSGI application in threads.

    Args:
        app: a WSGI application, or anything that is called like one.
        threads: how many requests run at a time; others wait. Default: four more than there are cores, at most 32.
        script_name: the path under which it is mounted, as it is told; ``""`` for the root.

    The application runs when the request body is complete: bodies above half a mebibyte lie in a temporary file. A
    response that is a list is sent at once, others as they come, no faster than the client reads. Fields whose names
    have underscores aren't passed on: in ``environ`` they couldn't be told from those with hyphens.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], *, threads: int | None = None, script_name: str = ""
    ) -> None:
        if not callable(app):
            raise TypeError(f"a WSGI application is callable, and this isn't: {app!r}")
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        super().__init__()
        self.app = app
        self.script_name = script_name.rstrip("/")
        self._threads = threads or min(32, (os.cpu_count() or 1) + 4)
        self._pool = Threads(self._threads)

    async def shutdown(self) -> None:
        """Wait for the calls that run, and end the threads."""
        pool, self._pool = self._pool, Threads(self._threads)
        await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)

    def starter(self, loop: asyncio.AbstractEventLoop, run: Run) -> Start:
        outbox = Outbox(loop)

        def start(request: ServerRequest) -> None:
            # HOT: once per request.
            body = _Body(lambda body: run(request, self._answer(loop, outbox, request, body)))
            request.engine.receive(request, body)

        return start

    async def _answer(
        self, loop: asyncio.AbstractEventLoop, outbox: Outbox, request: ServerRequest, body: "IO[bytes]"
    ) -> None:
        call = _Call(loop, outbox, request, self.app, self._environ(request, body), body)
        self._pool.start(call)
        whole = await call.future
        if whole is not None:
            await call.send_whole(whole)
        else:
            await call.end()

    def _environ(self, request: ServerRequest, body: "IO[bytes]") -> Environ:
        # HOT: once per request.
        made = request.tail.template
        if made is None or made[0] is not self:
            made = request.tail.template = (self, self._environ_template(request))
        environ: Environ = made[1].copy()
        raw_path, query = request.target, b""
        if 63 in raw_path:  # "?"
            raw_path, _, query = raw_path.partition(b"?")
        if raw_path[0] != 47 and b"://" in raw_path:  # absolute-form (RFC 9112 §3.2.2)
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        if 37 in raw_path:  # "%"
            raw_path = unquote_to_bytes(raw_path)
        path = raw_path.decode("latin-1")
        if request.prefix:
            environ["SCRIPT_NAME"] = self.script_name + request.prefix
            path = path.removeprefix(request.prefix)
        environ["REQUEST_METHOD"] = request.method
        environ["PATH_INFO"] = path
        environ["QUERY_STRING"] = query.decode("latin-1")
        environ["wsgi.input"] = body
        environ["wsgi.errors"] = sys.stderr
        if request.tail.body_length < 0:  # chunked, which is undone: its length is known now
            environ["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
        body.seek(0)
        return environ

    def _environ_template(self, request: ServerRequest) -> Environ:
        """What all requests of a connection that have the same fields have alike."""
        context = request.context()
        name, port = context.local_address() or ("", None)
        environ: Environ = {
            "REQUEST_METHOD": "",
            "SCRIPT_NAME": self.script_name,
            "PATH_INFO": "",
            "QUERY_STRING": "",
            # Of a UNIX socket there are none, and they may not be empty.
            "SERVER_NAME": name if port is not None else "localhost",
            "SERVER_PORT": str(port or (443 if context.protocol == "https" else 80)),
            "SERVER_PROTOCOL": request.version,
            "REMOTE_ADDR": context.remote_ip,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": context.protocol,
            "wsgi.input": None,
            "wsgi.input_terminated": True,
            "wsgi.errors": None,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": _FileWrapper,
        }
        if isinstance(context.address, tuple) and context.remote_ip == context.address[0]:
            environ["REMOTE_PORT"] = str(context.address[1])
        for field, value in request.headers.get_all():
            if "_" in field:
                continue
            key = field.upper().replace("-", "_")
            if key == "TRANSFER_ENCODING":
                continue
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
        return environ


class _Body(HTTPMessageDelegate):
    """Collects a request body, and calls ``complete`` with a file that holds it."""

    def __init__(self, complete: "Callable[[IO[bytes]], None]") -> None:
        self._complete = complete
        self._file: IO[bytes] = io.BytesIO()

    def headers_received(self, start_line: Any, headers: Any) -> None:
        """The application gets these in ``environ``."""

    def data_received(self, chunk: bytes) -> None:
        if self._file.tell() + len(chunk) > _SPOOL_SIZE and isinstance(self._file, io.BytesIO):
            collected = self._file.getvalue()
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the response is complete
            self._file.write(collected)
        self._file.write(chunk)

    def finish(self) -> None:
        self._complete(self._file)

    def on_connection_close(self) -> None:
        self._file.close()


class _Call(ThreadCall):
    """One call of an application: its response is made in a thread, and sent in the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outbox: Outbox,
        request: ServerRequest,
        app: Callable[..., Iterable[bytes]],
        environ: Environ,
        body: "IO[bytes]",
    ) -> None:
        self.future: asyncio.Future[bytes | None] = loop.create_future()
        self.outbox = outbox
        self._loop = loop
        self._request = request
        self._app = app
        self._environ = environ
        self._body = body
        self._head: ResponseHead | None = None
        self._head_sent = False
        # All that Content-Length promised was handed over.
        self._complete = False

    # -- in the thread -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the application.  The result is the whole body, or ``None``: it was sent piece by piece."""
        try:
            self._run()
        finally:
            self._body.close()

    def skip(self) -> None:
        self._body.close()

    def _run(self) -> None:
        result = self._app(self._environ, self._start_response)
        try:
            if isinstance(result, list | tuple) and not self._head_sent:
                if self._head is None:
                    raise RuntimeError("the WSGI application returned without start_response()")
                self.outbox.put(self, b"".join(result))
                return
            for piece in result:
                if piece or not isinstance(piece, bytes):
                    self._write(piece)
            if not self._complete:
                self.outbox.put(self, None)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: "list[tuple[str, str]]", exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._head_sent or self._complete:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a cycle, through the traceback
        elif self._head is not None:
            raise AssertionError("start_response() was called before; a second time it needs exc_info")
        self._head = _checked_head(status, headers)
        return self._write

    def _write(self, piece: bytes) -> None:
        if not isinstance(piece, bytes):
            raise TypeError(f"a WSGI application yields bytes, not {type(piece).__name__}")
        if self._complete:
            raise HTTPOutputError(f"{len(piece)} octets more than Content-Length")
        if not self._head_sent and self._is_whole(piece):
            # Frameworks return an iterable of one piece. It goes its way while the application is asked for more.
            self._complete = True
            self.outbox.put(self, piece)
        else:
            self._in_loop(self._send(piece))

    def _is_whole(self, piece: bytes) -> bool:
        """Whether it is the body that the head has promised."""
        if self._head is None or self._request.method == "HEAD":
            return False
        lengths = [value for name, value in self._head[2] if name.lower() == "content-length"]
        return lengths == [str(len(piece))] and self._head[0] not in (204, 304)

    def _in_loop(self, awaitable: Any) -> None:
        """Wait for it: the thread is no faster than the client reads."""
        try:
            future = asyncio.run_coroutine_threadsafe(awaitable, self._loop)
        except RuntimeError as error:  # the loop is closed
            awaitable.close()
            raise StreamClosedError(real_error=error) from error
        future.result()

    # -- in the loop -------------------------------------------------------------------------------------------------

    def failed_late(self, error: BaseException) -> None:
        app_log.error("Uncaught exception behind the answer to %s", summary(self._request), exc_info=error)

    async def send_whole(self, body: bytes) -> None:
        assert self._head is not None
        status, _, headers = self._head
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        if lengths and (self._request.method == "HEAD" or status == 304):  # that of the response without HEAD
            await self.end()
            return
        if lengths and lengths != [str(len(body))]:
            raise HTTPOutputError(f"Content-Length is {','.join(lengths)}, and the body has {len(body)} octets")
        engine = self._request.engine
        try:
            fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        except UnicodeEncodeError:
            await engine.respond(self._request, body, status, headers)  # which says what is wrong
            return
        await engine.respond_octets(self._request, body, status, fields)

    async def _send(self, piece: bytes) -> None:
        request = self._request
        if request.method == "HEAD":
            piece = b""
        if self._head_sent:
            await request.engine.write(request, piece)
            return
        if self._head is None:
            raise RuntimeError("the WSGI application yielded a body without start_response()")
        status, reason, pairs = self._head
        headers = httputil.HTTPHeaders._of_checked(pairs)  # the engine checks them
        if "Date" not in headers:
            headers["Date"] = httputil.format_timestamp(request._start_time)
        line = httputil.ResponseStartLine("HTTP/1.1", status, reason)
        done = request.engine.write_headers(request, line, headers, piece)
        self._head_sent = True
        await done

    async def end(self) -> None:
        """The body was sent piece by piece, and is complete."""
        if not self._head_sent:
            await self._send(b"")
        self._request.engine.finish(self._request)


def _checked_head(status: str, headers: "Sequence[tuple[str, str]]") -> ResponseHead:
    """Status code, reason and fields.

    Raises: :exc:`ValueError` or :exc:`TypeError` that names what PEP 3333 doesn't allow.
    """
    if not isinstance(status, str):
        raise TypeError(f"a WSGI status is a str, not {type(status).__name__}")
    code, _, reason = status.partition(" ")
    if not (len(code) == 3 and code.isascii() and code.isdigit() and 200 <= int(code) <= 599 and status.isprintable()):
        raise ValueError(f"not a WSGI status: {status!r}")
    try:
        pairs = [(name, value) for name, value in headers]
    except (TypeError, ValueError) as error:
        raise TypeError(f"WSGI headers are a list of pairs, not {headers!r}") from error
    for name, value in pairs:
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"names and values of WSGI headers are str: {name!r}: {value!r}")
        if name.lower() in _HOP_BY_HOP:
            raise ValueError(f"a WSGI application may not set {name}")
    return int(code), reason, pairs


class _FileWrapper:
    """``wsgi.file_wrapper``: a file in pieces."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self._file = file
        self._block_size = block_size

    def __iter__(self) -> Any:
        while piece := self._file.read(self._block_size):
            yield piece

    def close(self) -> None:
        with contextlib.suppress(AttributeError):
            self._file.close()


def __getattr__(name: str) -> Any:
    """``WSGIContainer``, which is Tornado's own."""
    if name == "WSGIContainer":
        importlib.import_module("asynchttp._upper").tornado("asynchttp.wsgi.WSGIContainer")  # or an error that names it
        return importlib.import_module("asynchttp._wsgi_container").WSGIContainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
