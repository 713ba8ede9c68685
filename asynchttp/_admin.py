"""Pages for who operates a server: is it alive, is it ready, what does it count.

They belong on a listener of their own, a port of the loopback interface or a UNIX socket: they tell of load and
mistakes, which is nobody's business outside.
"""

from collections.abc import Callable, Mapping
from typing import Any

from asynchttp import _metrics
from asynchttp._dispatch import Style
from asynchttp._exchange import ServerRequest

__all__ = ["Admin", "check_health_path", "with_health_path"]

_NO_STORE = ("Cache-Control", "no-store")
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Admin:
    """A handler that answers ``/livez``, ``/readyz`` and ``/metrics``.

    ``/livez`` is ``200`` whenever it is answered at all. ``/readyz`` is ``200`` while ``ready()`` holds, ``503`` else.

    Args:
        figures: what ``/metrics`` shows, by names without the prefix ``asynchttp_``.
    """

    def __init__(self, ready: Callable[[], bool], figures: Callable[[], Mapping[str, float]]) -> None:
        self._ready = ready
        self._figures = figures

    def __call__(self, request: Any) -> None:
        if request.method not in ("GET", "HEAD"):
            request.respond(b"only GET and HEAD\n", 405, [("Allow", "GET, HEAD"), _TEXT])
        elif request.path == "/livez":
            request.respond(b"ok\n", 200, [_TEXT, _NO_STORE])
        elif request.path == "/readyz":
            _answer_health(request, self._ready())
        elif request.path == "/metrics":
            openmetrics = _metrics.wants_openmetrics(request.headers.get("Accept", ""))
            kind = _metrics.OPENMETRICS if openmetrics else _metrics.PLAIN
            page = _metrics.render(self._figures(), openmetrics)
            request.respond(page, 200, [("Content-Type", kind), ("Vary", "Accept"), _NO_STORE])
        else:
            request.respond(b"there are /livez, /readyz and /metrics\n", 404, [_TEXT])


def check_health_path(path: str) -> None:
    """Raise :exc:`ValueError` for a path that no request can have."""
    if not (path.startswith("/") and path.isascii() and path.isprintable() and not set(path) & set(" ?#")):
        raise ValueError(f"a health path begins with '/' and is visible ASCII without query: {path!r}")


def with_health_path(style: Style, path: str, ready: Callable[[], bool]) -> Style:
    """``style``, but requests for ``path`` are answered as ``/readyz`` is, and don't reach the handler."""
    target = path.encode()
    start = style.start

    def answer_or_start(request: ServerRequest) -> None:
        if request.target == target and request.method in ("GET", "HEAD"):
            _answer_health(request, ready())
        else:
            start(request)

    return style._replace(start=answer_or_start)


def _answer_health(request: Any, ready: bool) -> None:
    if ready:
        request.respond(b"ready\n", 200, [_TEXT, _NO_STORE])
    else:
        request.respond(b"not ready\n", 503, [_TEXT, _NO_STORE])
