"""An installed Tornado, whose own modules a program uses on our server: it tells classes apart, and has its own.

``tornado.web`` catches ``tornado.iostream.StreamClosedError``, and wants a start line to be ``tornado.httputil``'s. So
what it gets is made of classes that are both, ours and Tornado's. Nothing is imported for that: who uses Tornado has
imported it. Its modules may be ours under another name, too; then there is nothing to do.

Its WebSocket handlers take their streams from the server, which then knows nothing of them. For its end it keeps who
did so: see :func:`close_websocket`.
"""

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

from asynchttp import httputil
from asynchttp._h1.errors import HTTPInputError
from asynchttp.iostream import IOStream, StreamClosedError
from asynchttp.log import app_log

__all__ = ["accept_handlers", "close_websocket", "in_our_terms", "meet_tornado", "websocket_handler"]

#: Of the close frame: an endpoint that goes away, such as a server that ends (RFC 6455 §7.4.1).
_GOING_AWAY: Final = 1001


def meet_tornado() -> Callable[[str, str, str], Any]:
    """From now on raise errors that Tornado knows, if it has been imported.

    Returns: the class of start lines for delegates.
    """
    theirs: Any = sys.modules.get("tornado.iostream")
    if theirs is not None and not issubclass(StreamClosedError.made_as or StreamClosedError, theirs.StreamClosedError):
        StreamClosedError.made_as = _both(StreamClosedError, theirs.StreamClosedError)
    theirs = sys.modules.get("tornado.httputil")
    if theirs is None or theirs.RequestStartLine is httputil.RequestStartLine:
        return httputil.RequestStartLine
    return _both(httputil.RequestStartLine, theirs.RequestStartLine)


def in_our_terms(error: BaseException) -> BaseException:
    """``tornado.httputil.HTTPInputError``, by which an application refuses a request, as ours; others as they are."""
    theirs: Any = sys.modules.get("tornado.httputil")
    if theirs is None or isinstance(error, HTTPInputError) or not isinstance(error, theirs.HTTPInputError):
        return error
    refused = HTTPInputError(str(error))
    refused.public = "Bad Request"
    return refused


def websocket_handler(message: Any) -> Any:
    """The ``WebSocketHandler`` that a message delegate of Tornado has started, or ``None``."""
    while (inner := getattr(message, "delegate", None)) is not None:  # of a router
        message = inner
    handler = getattr(message, "handler", None)
    return handler if hasattr(handler, "ws_connection") else None


def close_websocket(handler: Any) -> IOStream | None:
    """Say goodbye on an open WebSocket: the server ends.

    Returns: its stream, which Tornado closes when the client has answered, or after five seconds; ``None`` if it was
        closing already.
    """
    connection = handler.ws_connection
    if connection is None or connection.is_closing():
        return None
    stream: IOStream = connection.stream
    try:
        handler.close(_GOING_AWAY)
    except Exception:  # some have a close() of their own
        app_log.error("Exception in close() of %r", handler, exc_info=True)
        stream.close()
    return stream


def accept_handlers(web: Any) -> None:
    """Let ``asynchttp.web`` take handlers of ``tornado.web`` in its applications, and its errors from its own handlers.

    Both come from libraries that import Tornado by its own name.
    """
    router = web._ApplicationRouter
    get_target_delegate = router.get_target_delegate
    has_stream_request_body = web._has_stream_request_body
    handle_request_exception = web.RequestHandler._handle_request_exception

    def get_delegate(self: Any, target: Any, request: Any, **target_params: Any) -> Any:
        if _is_handler_of_theirs(target):
            return self.application.get_handler_delegate(request, target, **target_params)
        return get_target_delegate(self, target, request, **target_params)

    def streams_request_body(cls: Any) -> bool:
        if _is_handler_of_theirs(cls):
            return getattr(cls, "_stream_request_body", False)
        streams: bool = has_stream_request_body(cls)
        return streams

    def handle_exception(self: Any, error: BaseException) -> None:
        theirs: Any = sys.modules.get("tornado.web")
        for name in ("HTTPError", "Finish"):
            ours = getattr(web, name)
            if theirs is not None and isinstance(error, getattr(theirs, name)) and not isinstance(error, ours):
                both = _both(ours, type(error))
                known = both.__new__(both, *error.args)
                vars(known).update(vars(error))
                try:
                    raise known.with_traceback(error.__traceback__)  # what the handler does looks at sys.exc_info()
                except ours:
                    handle_request_exception(self, known)
                return
        handle_request_exception(self, error)

    router.get_target_delegate = get_delegate
    web._has_stream_request_body = streams_request_body
    web.RequestHandler._handle_request_exception = handle_exception


def _is_handler_of_theirs(thing: Any) -> bool:
    theirs: Any = sys.modules.get("tornado.web")
    return theirs is not None and isinstance(thing, type) and issubclass(thing, theirs.RequestHandler)


_Class = TypeVar("_Class", bound=type)


def _both(ours: _Class, theirs: type) -> _Class:
    return type(  # type: ignore[return-value]  # it is a subclass
        ours.__name__, (ours, theirs), {"__slots__": (), "__module__": ours.__module__, "__doc__": ours.__doc__}
    )
