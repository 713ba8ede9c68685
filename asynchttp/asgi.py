"""ASGI applications as handlers: Starlette, FastAPI, Django, Quart and their like.

>>> server = HTTPServer(ASGIHandler(app))

Versions: ASGI 3, HTTP and WebSocket 2.5, lifespan 2.0 (``asgi.readthedocs.io``).

*The budget* of a small request, in thousands of instructions (callgrind, CPython 3.11; ``python -m bench instructions
--scripts asgi,starlette``):

==============================================================  =====
the engine, as for a callback                                    17
the task and its turn of the loop (11 from Python 3.12 on)       33
the scope: five dicts and a list, which are the application's     8
two messages: the calls of ``send`` and what they look at         8
the object that receives and sends, and the way to it             7
an application of Starlette: a route, a response                 81
==============================================================  =====
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal
from urllib.parse import unquote

from asynchttp._asgi_http import ASGIRequest, Message
from asynchttp._asgi_lifespan import Lifespan, LifespanError
from asynchttp._asgi_tornado import TornadoASGI
from asynchttp._asgi_websocket import ASGIWebSocket, asks_for_websocket, websockets_installed
from asynchttp._dispatch import Run, Start, Starter
from asynchttp._exchange import ServerRequest
from asynchttp.iostream import SSLIOStream
from asynchttp.log import app_log

__all__ = ["ASGIHandler", "LifespanError", "TornadoASGI"]

Scope = dict[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

#: Seconds that calls of the application have for their end when the server stops.
_CLOSE_TIMEOUT: Final = 10.0

_TLS_VERSIONS: Final = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class ASGIHandler(Starter):
    """A handler for :class:`~asynchttp.httpserver.HTTPServer` that runs an ASGI application.

    Args:
        app: an ASGI 3 application.
        lifespan: whether it is told of start-up and shutdown: ``"on"``; ``"off"``; ``"auto"``: unless it fails at being
            asked.
        root_path: the path under which it is mounted, as it is told; ``""`` for the root.

    Start-up happens in ``await handler.startup()`` or ``async with handler:``, and ``await handler.shutdown()`` or its
    end is the counterpart. A request that comes without it waits for a start-up of its own.
    ``scope["state"]`` is a shallow copy of the lifespan's.
    ``scope["extensions"]["asynchttp.draining"]`` is an :class:`asyncio.Event`, set when the server begins to end: a
    response without an end of its own has to find one. WebSockets are closed with 1012 then, and so are later ones.
    """

    def __init__(
        self, app: Application, *, lifespan: Literal["auto", "on", "off"] = "auto", root_path: str = ""
    ) -> None:
        if not callable(app):
            raise TypeError(f"an ASGI application is callable, and this isn't: {app!r}")
        if lifespan not in ("auto", "on", "off"):
            raise ValueError(f"lifespan must be 'auto', 'on' or 'off', not {lifespan!r}")
        super().__init__()
        self.app = app
        self.root_path = root_path.rstrip("/")
        self._lifespan = Lifespan(app, lifespan)
        self._websockets: set[ASGIWebSocket] = set()
        self._told_of_extra = False
        websockets_installed()  # now: a loop mustn't wait for the import when the first one comes

    async def startup(self) -> None:
        """Tell the application that the server starts, and wait until it is ready.

        Raises: :exc:`LifespanError` if it says or shows that it can't.
        """
        await self._lifespan.startup()

    async def shutdown(self) -> None:
        """Tell the application that the server has stopped, and wait until it has cleaned up.

        WebSockets that are open are closed with 1012. They and calls that go on behind their response have ten seconds.

        Raises: :exc:`LifespanError` if it says or shows that it couldn't.
        """
        self.drain()
        if self.running:
            await asyncio.wait(self.running.values(), timeout=_CLOSE_TIMEOUT)
        await self._lifespan.shutdown()

    def drain(self) -> None:
        for websocket in self._websockets:
            websocket.restart_service()

    def starter(self, loop: asyncio.AbstractEventLoop, run: Run) -> Start:
        app = self.app
        lifespan = self._lifespan

        def start(request: ServerRequest) -> None:
            # HOT: once per request.
            made = request.tail.template
            if made is None or made[0] is not self:
                made = request.tail.template = (self, self._template(request))
            template: _Template = made[1]
            if template.asks_for_upgrade and asks_for_websocket(request):
                self._start_websocket(loop, request, run)
                return
            conversation = ASGIRequest(loop, request)
            request.engine.receive(request, conversation, wanted=False)
            scope = self._scope(request, template)
            if lifespan.over:
                run(request, app(scope, conversation.receive, conversation.send))
            else:
                run(request, self._start_up_first(conversation.run, scope))

        return start

    def _start_websocket(self, loop: asyncio.AbstractEventLoop, request: ServerRequest, run: Run) -> None:
        if not websockets_installed():
            text = "WebSocket needs the extra 'asgi': pip install 'asynchttpd[asgi]'"
            if not self._told_of_extra:
                self._told_of_extra = True
                app_log.error("%s", text)
            request.respond(text + "\n", 501)
            return
        websocket = ASGIWebSocket(loop, request)
        if websocket.shake_hands():
            request.engine.receive(request, websocket, wanted=False)
            self._websockets.add(websocket)
            if request.engine.draining.is_set():
                websocket.restart_service()
            run(request, self._run_websocket(websocket, self._websocket_scope(request)))

    async def _run_websocket(self, websocket: ASGIWebSocket, scope: Scope) -> None:
        try:
            await self._start_up_first(websocket.run, scope)
        finally:
            self._websockets.discard(websocket)

    async def _start_up_first(self, run: Callable[[Application, Scope], Awaitable[None]], scope: Scope) -> None:
        if not self._lifespan.over:
            await self._lifespan.startup()
            scope["state"] = self._lifespan.state.copy()
        await run(self.app, scope)

    def _template(self, request: ServerRequest) -> "_Template":
        context = request.context()
        client = address = context.address
        if not isinstance(address, tuple):
            client = None
        elif address[0] != context.remote_ip:
            client = (context.remote_ip, 0)
        elif len(address) > 2:  # IPv6
            client = address[:2]
        stream = request.engine.stream
        scope = {
            "type": "http",
            "asgi": None,
            "http_version": "1.1" if request.tail.minor else "1.0",
            "method": "",
            "scheme": context.protocol,
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "root_path": self.root_path,
            "headers": None,
            "client": client,
            "server": context.local_address(),
            "state": None,
            "extensions": None,
        }
        tls = _tls(stream.socket) if isinstance(stream, SSLIOStream) else None
        asks_for_upgrade = b"pgrade" in request.tail.octets
        return _Template(scope, request.tail.lowered_fields(), tls, asks_for_upgrade, request.engine.draining)

    def _scope(self, request: ServerRequest, template: "_Template") -> Scope:
        # HOT: once per request.
        raw_path = request.target
        scope = template.scope.copy()
        if 63 in raw_path:  # "?"; b"?" in raw_path would cost an exception
            raw_path, _, scope["query_string"] = raw_path.partition(b"?")
        if raw_path[0] != 47 and b"://" in raw_path:  # not "/": absolute-form (RFC 9112 §3.2.2)
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        if self.root_path:
            path = self.root_path + path
            raw_path = self.root_path.encode() + raw_path
        if request.prefix:
            scope["root_path"] = self.root_path + request.prefix
        scope["method"] = request.method
        scope["path"] = path
        scope["raw_path"] = raw_path
        # What an application may change is its own.
        scope["asgi"] = {"version": "3.0", "spec_version": "2.5"}
        scope["headers"] = list(template.fields)
        scope["state"] = self._lifespan.state.copy()
        extensions: dict[str, Any]
        scope["extensions"] = extensions = {
            "http.response.pathsend": {},
            "http.response.early_hint": {},
            "http.response.trailers": {},
            "asynchttp.draining": template.draining,
        }
        if template.tls is not None:
            extensions["tls"] = template.tls.copy()
        return scope

    def _websocket_scope(self, request: ServerRequest) -> Scope:
        scope = self._scope(request, self._template(request))
        del scope["method"]
        protocols = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        extensions: dict[str, Any] = {"websocket.http.response": {}, "asynchttp.draining": request.engine.draining}
        if "tls" in scope["extensions"]:
            extensions["tls"] = scope["extensions"]["tls"]
        return {
            **scope,
            "type": "websocket",
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "subprotocols": [each.strip() for each in protocols if each.strip()],
            "extensions": extensions,
        }


class _Template:
    """What all requests of a connection that have the same fields have alike.

    Attributes:
        scope: its keys in their order; those that differ have still to be set.
        asks_for_upgrade: perhaps.
    """

    __slots__ = ("asks_for_upgrade", "draining", "fields", "scope", "tls")

    def __init__(
        self,
        scope: Scope,
        fields: "tuple[tuple[bytes, bytes], ...]",
        tls: dict[str, Any] | None,
        asks_for_upgrade: bool,
        draining: asyncio.Event,
    ) -> None:
        self.scope = scope
        self.fields = fields
        self.tls = tls
        self.asks_for_upgrade = asks_for_upgrade
        self.draining = draining


#: Numbers of cipher suites by OpenSSL's names.
_cipher_suites: Final[dict[str, int]] = {}


def _tls(tls: Any) -> dict[str, Any]:
    """The ``tls`` extension of the scope."""
    certificate = tls.getpeercert(binary_form=True)
    cipher = tls.cipher()
    if cipher and cipher[0] not in _cipher_suites:
        _cipher_suites.update((each["name"], each["id"] & 0xFFFF) for each in tls.context.get_ciphers())
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(certificate)] if certificate else [],
        "client_cert_name": _subject(tls) if certificate else None,
        "client_cert_error": None,
        "tls_version": _TLS_VERSIONS.get(tls.version() or ""),
        "cipher_suite": _cipher_suites.get(cipher[0]) if cipher else None,
    }


def _subject(tls: Any) -> str | None:
    """The subject of the client's certificate, as RFC 4514 writes it; ``None`` where it wasn't verified."""
    short = {"commonName": "CN", "countryName": "C", "localityName": "L", "organizationName": "O"}
    subject: Any = (tls.getpeercert() or {}).get("subject", ())
    names = [f"{short.get(key, key)}={value}" for rdn in subject for key, value in rdn]
    return ",".join(reversed(names)) or None
