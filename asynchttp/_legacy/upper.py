"""What Tornado 6.0 took away from its upper modules, put back into ours: callbacks, mostly.

Each function changes one module of :mod:`asynchttp._upper` right after it was loaded. That is this package's own copy:
a Tornado that somebody else imports stays as it is.
"""

import asyncio
import functools
import logging
import time
import unittest
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final

from asynchttp import log
from asynchttp._legacy.contexts import ExceptionStackContext, wrap
from asynchttp.gen import convert_yielded
from asynchttp.httputil import HTTPHeaders, HTTPOutputError, ResponseStartLine
from asynchttp.ioloop import IOLoop

__all__ = ["add_old_names"]


def add_old_names(module: ModuleType) -> None:
    """Put back what old programs look for in ``module``, which has just been loaded."""
    change = _CHANGES.get(module.__name__)
    if change is not None:
        change(module)


def _call_when_done(future: "asyncio.Future[Any]", callback: Callable[[], Any]) -> None:
    """Call ``callback`` without arguments when ``future`` has a result; what failed shows elsewhere."""
    callback = wrap(callback)

    def done(future: "asyncio.Future[Any]") -> None:
        if not future.cancelled() and future.exception() is None:
            callback()

    IOLoop.current().add_future(future, done)


# -- web ---------------------------------------------------------------------------------------------------------------


def _web(module: Any) -> None:
    handler_class = module.RequestHandler
    flush, write_error = handler_class.flush, handler_class.write_error

    @functools.wraps(flush)
    def flush_with_callback(
        self: Any, include_footers: bool = False, callback: "Callable[[], Any] | None" = None
    ) -> Any:
        future = flush(self, include_footers)
        if callback is None:
            return future
        _call_when_done(future, callback)
        return None

    @functools.wraps(write_error)
    def write_error_or_html(self: Any, status_code: int, **kwargs: Any) -> None:
        get_error_html = getattr(self, "get_error_html", None)
        if get_error_html is None:
            write_error(self, status_code, **kwargs)
            return
        exc_info = kwargs.pop("exc_info", None)
        if exc_info:
            kwargs["exception"] = exc_info[1]
        self.finish(get_error_html(status_code, **kwargs))

    handler_class.flush = flush_with_callback
    handler_class.write_error = write_error_or_html
    handler_class.async_callback = _async_callback
    module.asynchronous = _asynchronous


def _asynchronous(method: Callable[..., Any]) -> Callable[..., None]:
    """Leave the request open when ``method`` returns: the handler calls ``finish()`` later.

    What a callback raises that was registered in ``method`` fails the request. On a coroutine the request ends with it.
    Source: Tornado 5.1 ``web.asynchronous``.
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        self._auto_finish = False

        def failed(kind: Any, error: BaseException, traceback: Any) -> bool:
            self._handle_request_exception(error)
            return True

        def ended(future: "asyncio.Future[Any]") -> None:
            future.result()
            if not self._finished:
                self.finish()

        with ExceptionStackContext(failed):
            result = method(self, *args, **kwargs)
            if result is not None:
                IOLoop.current().add_future(convert_yielded(result), ended)

    return wrapper


def _async_callback(self: Any, callback: Any, *args: Any, **kwargs: Any) -> Any:
    """``callback`` with ``args``; its exceptions reach the handler anyway.  Source: Tornado 3 ``RequestHandler``."""
    if callback is None:
        return None
    return functools.partial(callback, *args, **kwargs) if args or kwargs else callback


# -- clients -----------------------------------------------------------------------------------------------------------


def _httpclient(module: Any) -> None:
    client_class = module.AsyncHTTPClient
    fetch, new = client_class.fetch, client_class.__new__

    def new_on_a_loop(cls: type, *args: Any, io_loop: Any = None, **kwargs: Any) -> Any:
        if args and (args[0] is None or isinstance(args[0], IOLoop)):
            args = args[1:]
        return new(cls, *args, **kwargs)

    @functools.wraps(fetch)
    def fetch_with_callback(
        self: Any, request: Any, callback: Any = None, raise_error: bool = True, **kwargs: Any
    ) -> Any:
        if isinstance(callback, bool):  # Tornado 6 has raise_error there
            raise_error, callback = callback, None
        if callback is None:
            return fetch(self, request, raise_error, **kwargs)
        if isinstance(request, str):
            request, kwargs = module.HTTPRequest(request, **kwargs), {}
        callback = wrap(callback)

        def done(future: "asyncio.Future[Any]") -> None:
            if not future.cancelled():
                callback(_response_of(module, request, future))

        self.io_loop.add_future(fetch(self, request, False, **kwargs), done)
        return None

    client_class.fetch = fetch_with_callback
    client_class.__new__ = new_on_a_loop


def _response_of(module: Any, request: Any, future: "asyncio.Future[Any]") -> Any:
    """What a callback gets: a response in any case, with ``error`` set if it went wrong."""
    error = future.exception()
    if error is None:
        return future.result()
    response = getattr(error, "response", None)
    if response is None:
        took = time.time() - request.start_time
        response = module.HTTPResponse(request, getattr(error, "code", 599), error=error, request_time=took)
    return response


def _websocket(module: Any) -> None:
    connect = module.websocket_connect

    @functools.wraps(connect)
    def connect_on_a_loop(url: Any, *args: Any, io_loop: Any = None, **kwargs: Any) -> Any:
        if args and (isinstance(args[0], IOLoop) or (args[0] is None and callable(args[1:2] and args[1]))):
            args = args[1:]
        if args:
            kwargs["callback"], args = args[0], (None, *args[1:])
        callback = kwargs.pop("callback", None)
        future = connect(url, *args, **kwargs)
        if callback is not None:  # not given on: Tornado 6 warns of it
            IOLoop.current().add_future(future, wrap(callback))
        return future

    module.websocket_connect = connect_on_a_loop
    module.WebSocketHandler.stream = _StreamOfHandler()


class _StreamOfHandler:
    """``WebSocketHandler.stream`` of Tornado 2 to 4; a subclass may have something else of that name."""

    def __get__(self, handler: Any, owner: type) -> Any:
        if handler is None:
            return self
        connection = handler.ws_connection
        return handler.request.connection.stream if connection is None else connection.stream


# -- logins ------------------------------------------------------------------------------------------------------------


def _auth(module: Any) -> None:
    def with_callback(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapper(self: Any, *args: Any, callback: Any = None, **kwargs: Any) -> Any:
            # By position it stood where Tornado 6 has the next argument.
            callback = callback or next(filter(callable, args), None)
            result = method(self, *(each for each in args if not callable(each)), **kwargs)
            if callback is None:
                return result
            IOLoop.current().add_future(convert_yielded(result), wrap(functools.partial(deliver, callback)))
            return None

        return wrapper

    def deliver(callback: Callable[[Any], Any], future: "asyncio.Future[Any]") -> None:
        try:
            result = future.result()
        except module.AuthError as error:
            log.gen_log.warning("%s", error)
            result = None
        callback(result)

    for each in vars(module).values():
        if isinstance(each, type) and each.__module__ == module.__name__:
            for name in _AUTH_METHODS & vars(each).keys():
                setattr(each, name, with_callback(vars(each)[name]))


#: Those that ask a server.
_AUTH_METHODS: Final = frozenset(("facebook_request", "get_authenticated_user", "oauth2_request", "twitter_request"))

# -- the rest ----------------------------------------------------------------------------------------------------------


def _options(module: Any) -> None:
    module.enable_pretty_logging = log.enable_pretty_logging


def _wsgi(module: Any) -> None:
    handle_request = module.WSGIContainer.handle_request

    @functools.wraps(handle_request)
    async def handle_request_or_fail(self: Any, request: Any) -> None:
        try:
            await handle_request(self, request)
        except Exception:
            # Tornado before 6.3 called the application on the spot, and its error was the request's.
            try:
                request.connection.write_headers(
                    ResponseStartLine("HTTP/1.1", 500, "Internal Server Error"), HTTPHeaders({"Content-Length": "0"})
                )
                request.connection.finish()
            except HTTPOutputError:
                pass  # the response has begun
            raise

    module.WSGIContainer.handle_request = handle_request_or_fail


def _testing(module: Any) -> None:
    def get_unused_port() -> int:
        sock, port = module.bind_unused_port()
        sock.close()
        return int(port)

    case_class = module.AsyncTestCase
    run = case_class.run

    @functools.wraps(run)
    def run_in_context(self: Any, result: Any = None) -> Any:
        def failed(kind: Any, error: BaseException, traceback: Any) -> bool:
            # Only for stop() and wait(), the old way; and not for a test of Tornado 6 that looks for it in the log.
            if not self._AsyncTestCase__running or any(isinstance(each, module.ExpectLog) for each in _log_filters()):
                return False
            handled: bool = self._handle_exception(kind, error, traceback)
            return handled

        with ExceptionStackContext(failed):
            return run(self, result)

    case_class.run = run_in_context
    module.get_unused_port = get_unused_port
    module.LogTrapTestCase = type("LogTrapTestCase", (unittest.TestCase,), {})


def _log_filters() -> list[Any]:
    return [*log.app_log.filters, *logging.getLogger().filters]


_CHANGES: Final[Mapping[str, Callable[[Any], None]]] = MappingProxyType(
    {
        "asynchttp._wsgi_container": _wsgi,
        "asynchttp.auth": _auth,
        "asynchttp.httpclient": _httpclient,
        "asynchttp.options": _options,
        "asynchttp.testing": _testing,
        "asynchttp.web": _web,
        "asynchttp.websocket": _websocket,
    }
)
