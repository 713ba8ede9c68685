"""ASGI applications as handlers: Starlette, FastAPI, Django, Quart and their like.

>>> server = HTTPServer(ASGIHandler(app))

Versions: ASGI 3, HTTP and WebSocket 2.5, lifespan 2.0 (``asgi.readthedocs.io``).
"""

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import unquote

from asynchttp._asgi_http import ASGIRequest, Message
from asynchttp._asgi_lifespan import Lifespan, LifespanError
from asynchttp._asgi_websocket import ASGIWebSocket, asks_for_websocket
from asynchttp._dispatch import Run, Start, Starter
from asynchttp._exchange import ServerRequest
from asynchttp.iostream import SSLIOStream

__all__ = ["ASGIHandler", "LifespanError"]

Scope = dict[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

Fields = tuple[tuple[bytes, bytes], ...]

#: Octets of a request's fields up to which they are remembered.
_REMEMBERED_SIZE: Final = 2048

_ASGI: Final = {"version": "3.0", "spec_version": "2.5"}
_TLS_VERSIONS: Final = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class ASGIHandler(Starter):
    """A handler for :class:`~asynchttp.httpserver.HTTPServer` that runs an ASGI application.

    Args:
        app: an ASGI 3 application.
        lifespan: whether it is told of start-up and shutdown: ``"on"``; ``"off"``; ``"auto"``: unless it fails at being
            asked.
        root_path: the path under which it is mounted, as it is told; ``""`` for the root.

    Start-up happens in ``await handler.startup()`` or ``async with handler:``, and ``await handler.shutdown()`` or its
    end is the counterpart; the command line does both. A request that comes without it waits for a start-up of its own.
    ``scope["state"]`` is a shallow copy of the lifespan's.
    """

    def __init__(
        self, app: Application, *, lifespan: Literal["auto", "on", "off"] = "auto", root_path: str = ""
    ) -> None:
        if not callable(app):
            raise TypeError(f"an ASGI application is callable, and this isn't: {app!r}")
        if lifespan not in ("auto", "on", "off"):
            raise ValueError(f"lifespan must be 'auto', 'on' or 'off', not {lifespan!r}")
        self.app = app
        self.root_path = root_path.rstrip("/")
        self._lifespan = Lifespan(app, lifespan)

    async def startup(self) -> None:
        """Tell the application that the server starts, and wait until it is ready.

        Raises: :exc:`LifespanError` if it says or shows that it can't.
        """
        await self._lifespan.startup()

    async def shutdown(self) -> None:
        """Tell the application that the server has stopped, and wait until it has cleaned up.

        Raises: :exc:`LifespanError` if it says or shows that it couldn't.
        """
        await self._lifespan.shutdown()

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    def starter(self, loop: asyncio.AbstractEventLoop, run: Run) -> Start:
        app = self.app
        lifespan = self._lifespan

        def start(request: ServerRequest) -> None:
            # HOT: once per request.
            fields, upgrades = _fields(request.tail.octets)
            if upgrades and asks_for_websocket(request):
                websocket = ASGIWebSocket(loop, request)
                request.engine.receive(request, websocket, wanted=False)
                run(request, self._start_up_first(websocket.run, self._websocket_scope(request, fields)))
                return
            conversation = ASGIRequest(loop, request)
            request.engine.receive(request, conversation, wanted=False)
            scope = self._scope(request, fields)
            if lifespan.over:
                run(request, app(scope, conversation.receive, conversation.send))
            else:
                run(request, self._start_up_first(conversation.run, scope))

        return start

    async def _start_up_first(self, run: Callable[[Application, Scope], Awaitable[None]], scope: Scope) -> None:
        if not self._lifespan.over:
            await self._lifespan.startup()
            scope["state"] = self._lifespan.state.copy()
        await run(self.app, scope)

    def _scope(self, request: ServerRequest, fields: Fields) -> Scope:
        raw_path, _, query = request.target.partition(b"?")
        if not raw_path.startswith(b"/") and b"://" in raw_path:  # absolute-form (RFC 9112 §3.2.2)
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        path = raw_path.decode("ascii")
        context = request.context()
        address = context.address
        client = None
        if isinstance(address, tuple):
            ip = context.remote_ip
            client = [ip, address[1] if ip == address[0] else 0]
        extensions: dict[str, Any] = {"http.response.pathsend": {}, "http.response.early_hint": {}}
        stream = request.engine.stream
        if isinstance(stream, SSLIOStream):
            extensions["tls"] = _tls(stream.socket)
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1" if request.tail.minor else "1.0",
            "method": request.method,
            "scheme": context.protocol,
            "path": self.root_path + (unquote(path) if "%" in path else path),
            "raw_path": self.root_path.encode() + raw_path if self.root_path else raw_path,
            "query_string": query,
            "root_path": self.root_path + request.prefix,
            "headers": list(fields),
            "client": client,
            "server": context.local_address(),
            "state": self._lifespan.state.copy(),
            "extensions": extensions,
        }

    def _websocket_scope(self, request: ServerRequest, fields: Fields) -> Scope:
        scope = self._scope(request, fields)
        del scope["method"]
        protocols = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        if "tls" in scope["extensions"]:
            extensions["tls"] = scope["extensions"]["tls"]
        return {
            **scope,
            "type": "websocket",
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "subprotocols": [each.strip() for each in protocols if each.strip()],
            "extensions": extensions,
        }


def _fields(tail: bytes) -> tuple[Fields, bool]:
    """The fields of a checked head as ASGI has them: names in lower case, values without the space around them.

    And whether there is an Upgrade among them. Most requests of a client, and of many clients, have the same.
    """
    return _remembered_fields(tail) if len(tail) <= _REMEMBERED_SIZE else _split_fields(tail)


def _split_fields(tail: bytes) -> tuple[Fields, bool]:
    fields = []
    for line in tail[3:-4].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.lower(), value.strip(b" \t")))
    return tuple(fields), any(name == b"upgrade" for name, _ in fields)


_remembered_fields: Final = functools.lru_cache(256)(_split_fields)


def _tls(tls: Any) -> dict[str, Any]:
    """The ``tls`` extension of the scope."""
    certificate = tls.getpeercert(binary_form=True)
    cipher = tls.cipher()
    numbers = {each["name"]: each["id"] & 0xFFFF for each in tls.context.get_ciphers()}
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(certificate)] if certificate else [],
        "client_cert_name": _subject(tls) if certificate else None,
        "client_cert_error": None,
        "tls_version": _TLS_VERSIONS.get(tls.version() or ""),
        "cipher_suite": numbers.get(cipher[0]) if cipher else None,
    }


def _subject(tls: Any) -> str | None:
    """The subject of the client's certificate, as RFC 4514 writes it; ``None`` where it wasn't verified."""
    short = {"commonName": "CN", "countryName": "C", "localityName": "L", "organizationName": "O"}
    subject: Any = (tls.getpeercert() or {}).get("subject", ())
    names = [f"{short.get(key, key)}={value}" for rdn in subject for key, value in rdn]
    return ",".join(reversed(names)) or None
