"""What a program of Tornado's has to know: tables for :mod:`asynchttp.check`.

What exists is found by looking; only what doesn't exist, or shows in arguments alone, stands here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["METHODS", "PRIVATE", "REMOVED", "SHIMMED_KEYWORDS"]

_REACTOR: Final = "asyncio is the loop: twisted.internet.asyncioreactor.install() puts Twisted on it"
_IOLOOPS: Final = "every loop is asyncio's: use tornado.ioloop.IOLoop"
_SELECTS: Final = "not needed: each loop here has add_reader()"

#: Dotted names that are gone, and what to do.
REMOVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tornado.wsgi.WSGIAdapter": "run the application on HTTPServer; it has no synchronous form since Tornado 6",
        "tornado.wsgi.WSGIApplication": "use web.Application on HTTPServer",
        "tornado.platform.twisted.TwistedIOLoop": _REACTOR,
        "tornado.platform.twisted.TornadoReactor": _REACTOR,
        "tornado.platform.twisted.install": _REACTOR,
        "tornado.platform.epoll": _IOLOOPS,
        "tornado.platform.kqueue": _IOLOOPS,
        "tornado.platform.select": _IOLOOPS,
        "tornado.platform.interface": "an inner module of Tornado 2 to 5",
        "tornado.platform.auto": "an inner module of Tornado 2 to 5",
        "tornado.platform.asyncio.AddThreadSelectorEventLoop": _SELECTS,
        "tornado.platform.asyncio.SelectorThread": _SELECTS,
        "tornado.database": "it left Tornado in 3.0: pip install torndb, or a driver for asyncio",
        "tornado.web.ChunkedTransferEncoding": "the server chunks by itself",
        "tornado.auth.GoogleMixin": "Google ended OpenID 2.0: use auth.GoogleOAuth2Mixin",
        "tornado.auth.FacebookMixin": "use auth.FacebookGraphMixin",
        "tornado.auth.FriendFeedMixin": "the service ended",
    }
)

#: Methods whose callbacks and other old arguments are understood.
METHODS: Final = frozenset(
    (
        "close",
        "connect",
        "facebook_request",
        "fetch",
        "flush",
        "get_authenticated_user",
        "handle_stream",
        "oauth2_request",
        "read_bytes",
        "read_into",
        "read_until",
        "read_until_close",
        "read_until_regex",
        "resolve",
        "start_tls",
        "twitter_request",
        "wait_for_handshake",
        "websocket_connect",
        "write",
        "write_headers",
    )
)

#: Keyword arguments of Tornado 2 to 5 that are understood.
SHIMMED_KEYWORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "callback": "called by the loop, as in Tornado 2 to 5",
        "streaming_callback": "called by the loop, as in Tornado 2 to 5",
        "io_loop": "taken",
    }
)

_LOOP: Final = (
    "loop",
    "private to Tornado's own loop; asyncio's has asyncio.all_tasks() and IOLoop.asyncio_loop.is_running()",
)
_STREAM: Final = ("stream", "private to Tornado's own stream")

#: Private attributes that programs were seen to use: a word in the name of what has them, and what to use instead.
PRIVATE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "_callbacks": _LOOP,
        "_running": _LOOP,
        "_timeouts": _LOOP,
        "_add_io_state": _STREAM,
        "_handle_read": _STREAM,
        "_handle_write": _STREAM,
        "_read_buffer": ("stream", _STREAM[1] + ": read_bytes(n, partial=True) gives what is there"),
        "_write_buffer": ("stream", _STREAM[1] + ": stream.writing() tells whether something waits"),
    }
)
