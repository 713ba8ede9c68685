"""An installed Tornado, whose own modules a program uses on our server: it tells classes apart, and has its own.

``tornado.web`` catches ``tornado.iostream.StreamClosedError``, and wants a start line to be ``tornado.httputil``'s. So
what it gets is made of classes that are both, ours and Tornado's. Nothing is imported for that: who uses Tornado has
imported it. Its modules may be ours under another name, too; then there is nothing to do.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from asynchttp import httputil
from asynchttp._h1.errors import HTTPInputError
from asynchttp.iostream import StreamClosedError

__all__ = ["in_our_terms", "meet_tornado"]


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


_Class = TypeVar("_Class", bound=type)


def _both(ours: _Class, theirs: type) -> _Class:
    return type(  # type: ignore[return-value]  # it is a subclass
        ours.__name__, (ours, theirs), {"__slots__": (), "__module__": ours.__module__, "__doc__": ours.__doc__}
    )
