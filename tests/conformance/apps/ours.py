"""For asynchttp: a callback handler.

Beside what all applications do, it answers a few targets in ways that only this server has: raw octets, interim
responses, and mistakes that must not reach the wire.
"""

import argparse
from collections.abc import Callable
from typing import Any

from asynchttp import httputil, ioloop, netutil
from asynchttp.httpserver import HTTPServer
from tests.conformance.case import CHUNKED, MAX_BODY_SIZE
from tests.conformance.echo import FIELD, describe, path_of, plan_of

__all__ = ["handle"]


def handle(request: Any) -> None:
    ours = _OURS.get(path_of(request.uri).partition("?")[0])
    if ours is not None:
        ours(request)
        return
    plan = plan_of(request.method, request.uri)
    fields = {FIELD: _seen(request)}
    if plan.close:
        fields["Connection"] = "close"
    if plan.streamed:
        _write_head(request, 200, fields)
        if request.method != "HEAD":  # as in Tornado, it is the handler's business
            request.connection.write(plan.body[:2])
            request.connection.write(plan.body[2:])
        request.connection.finish()
    else:
        request.respond(plan.body, plan.status, fields)


def _seen(request: Any) -> str:
    probe = request.headers.get_list("X-Probe")
    return describe(request.method, request.uri, request.body, ",".join(probe) if probe else None, request.host)


def _write_head(request: Any, status: int, fields: dict[str, str]) -> None:
    start_line = httputil.ResponseStartLine("HTTP/1.1", status, httputil.responses.get(status, "Unknown"))
    request.connection.write_headers(start_line, httputil.HTTPHeaders(fields))


def _raw(octets: bytes) -> Callable[[Any], None]:
    def answer(request: Any) -> None:
        request.write(octets.replace(b"SEEN", _seen(request).encode()))
        request.finish()

    return answer


def _interim(request: Any) -> None:
    _write_head(request, 103, {"Link": "</style.css>"})
    request.respond(b"ok\n", headers={FIELD: _seen(request)})


def _with_length(status: int, length: int, body: bytes) -> Callable[[Any], None]:
    def answer(request: Any) -> None:
        _write_head(request, status, {"Content-Length": str(length), FIELD: _seen(request)})
        request.connection.write(body)
        request.connection.finish()

    return answer


def _framed(status: int, *fields: tuple[str, str]) -> Callable[[Any], None]:
    def answer(request: Any) -> None:
        head = httputil.HTTPHeaders({FIELD: _seen(request)})
        for name, value in fields:
            head.add(name, value)
        request.connection.write_headers(httputil.ResponseStartLine("HTTP/1.1", status, "As Asked"), head)
        request.connection.finish()

    return answer


def _responds(status: int, body: bytes) -> Callable[[Any], None]:
    def answer(request: Any) -> None:
        request.respond(body, status, {FIELD: _seen(request)})

    return answer


def _with_field(name: str, value: str) -> Callable[[Any], None]:
    def answer(request: Any) -> None:
        request.respond(b"ok\n", headers={name: value, FIELD: _seen(request)})

    return answer


def _fail(request: Any) -> None:
    raise RuntimeError("as asked for")


_HEAD = b"HTTP/1.1 200 OK\r\nX-Seen: SEEN\r\n"
_OURS: dict[str, Callable[[Any], None]] = {
    "/fail": _fail,
    "/interim": _interim,
    "/length-too-long": _with_length(200, 3, b"ok\nHTTP/1.1 200 OK\r\n\r\n"),
    "/length-too-short": _with_length(200, 10, b"ok\n"),
    "/204/length": _framed(204, ("Content-Length", "5")),
    "/204/chunked": _framed(204, ("Transfer-Encoding", "chunked")),
    "/204/content": _with_length(204, 3, b"ok\n"),
    "/205/framed": _framed(205),
    "/205/content": _responds(205, b"ok\n"),
    "/205/length": _with_length(205, 3, b"ok\n"),
    "/200/both": _framed(200, ("Content-Length", "3"), ("Transfer-Encoding", "chunked")),
    "/200/two-lengths": _framed(200, ("Content-Length", "3"), ("Content-Length", "3")),
    "/200/signed-length": _framed(200, ("Content-Length", "+3")),
    "/200/gzip": _framed(200, ("Transfer-Encoding", "gzip, chunked")),
    "/304/both": _framed(304, ("Content-Length", "3"), ("Transfer-Encoding", "chunked")),
    "/101": _framed(101, ("Upgrade", "x"), ("Connection", "upgrade")),
    "/100/length": _framed(100, ("Content-Length", "3")),
    "/split/value": _with_field("X-A", "b\r\nX-Split: yes"),
    "/split/lf": _with_field("X-A", "b\nX-Split: yes"),
    "/split/name": _with_field("X-A: b\r\nX-Split", "yes"),
    "/split/nul": _with_field("X-A", "b\0"),
    "/raw/length": _raw(_HEAD + b"Content-Length: 3\r\n\r\nok\n"),
    "/raw/chunked": _raw(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n"),
    "/raw/no-length": _raw(_HEAD + b"\r\nok\n"),
    "/raw/close": _raw(_HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nok\n"),
    "/raw/204": _raw(b"HTTP/1.1 204 No Content\r\nX-Seen: SEEN\r\n\r\n"),
    "/raw/204/length": _raw(b"HTTP/1.1 204 No Content\r\nX-Seen: SEEN\r\nContent-Length: 3\r\n\r\nok\n"),
    "/raw/204/length-of-nothing": _raw(b"HTTP/1.1 204 No Content\r\nX-Seen: SEEN\r\nContent-Length: 0\r\n\r\n"),
    "/raw/204/chunked": _raw(b"HTTP/1.1 204 No Content\r\nX-Seen: SEEN\r\n%b\r\n\r\n" % CHUNKED),
    "/raw/100/length": _raw(
        b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n" + _HEAD + b"Content-Length: 3\r\n\r\nok\n"
    ),
    "/raw/304": _raw(b"HTTP/1.1 304 Not Modified\r\nX-Seen: SEEN\r\nContent-Length: 3\r\n\r\n"),
    "/raw/100": _raw(b"HTTP/1.1 100 Continue\r\n\r\n" + _HEAD + b"Content-Length: 3\r\n\r\nok\n"),
    "/raw/both": _raw(_HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n"),
    "/raw/two-lengths": _raw(_HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nok\n"),
    "/raw/1.0": _raw(b"HTTP/1.0 200 OK\r\nX-Seen: SEEN\r\nContent-Length: 3\r\n\r\nok\n"),
    "/raw/too-long": _raw(_HEAD + b"Content-Length: 3\r\n\r\nok\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    server = HTTPServer(handle, max_body_size=MAX_BODY_SIZE)
    server.add_sockets(netutil.bind_sockets(parser.parse_args().port, "127.0.0.1"))
    ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main()
