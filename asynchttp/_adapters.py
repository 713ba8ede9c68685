"""An application of any kind as a handler: which interface it speaks is seen by what it can be called with.

===========  =========================================================================================================
``handler``  a delegate or a :class:`~asynchttp._dispatch.Starter`; anything that is called with one argument
``asgi``     a coroutine function, or an object with such a ``__call__``, that is called with three; and a plain one,
             as of some middleware, whose parameters are called ``scope``, ``receive`` and ``send``
``wsgi``     a plain function that is called with two
===========  =========================================================================================================

What has a default doesn't count. Whatever else it is, only the operator knows.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, Literal

from asynchttp import _dispatch
from asynchttp.asgi import ASGIHandler
from asynchttp.wsgi import WSGIHandler

__all__ = ["INTERFACES", "AmbiguousError", "adapt", "interface_of"]

Interface = Literal["asgi", "wsgi", "handler"]
INTERFACES: Final[tuple[Interface, ...]] = ("asgi", "wsgi", "handler")

_ASGI_NAMES: Final = ["scope", "receive", "send"]


class AmbiguousError(TypeError):
    """Nothing tells which interface an application speaks."""


def interface_of(application: Any) -> Interface:
    """The interface that ``application`` speaks.

    Raises: :exc:`AmbiguousError` if that can't be seen, :exc:`TypeError` for what can't be called.
    """
    _dispatch.check_handler(application)
    if isinstance(application, _dispatch.Starter) or _dispatch.is_delegate(application):
        return "handler"
    names = _required_parameters(application)
    is_coroutine = _dispatch.is_coroutine_function(application)
    if names is not None:
        if len(names) == 1:
            return "handler"
        if len(names) == 2 and not is_coroutine:
            return "wsgi"
        if len(names) == 3 and (is_coroutine or names == _ASGI_NAMES):
            return "asgi"
    found = "can't be told" if names is None else f"are {', '.join(names) or 'none'}"
    kind = "a coroutine function" if is_coroutine else "a function"
    raise AmbiguousError(f"neither a handler nor an ASGI or WSGI application: {kind} whose parameters {found}")


def _required_parameters(application: Callable[..., Any]) -> list[str] | None:
    """The names of the positional parameters without defaults; ``None`` if they don't say what it is called with."""
    while isinstance(application, functools.partial) and not application.args and not application.keywords:
        application = application.func
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):  # of an extension
        return None
    required: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL and not required:
            return None
        if parameter.default is parameter.empty:
            if parameter.kind is parameter.KEYWORD_ONLY:
                return None
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                required.append(parameter.name)
    return required


def adapt(application: Any, interface: Interface, *, root_path: str = "", threads: int | None = None) -> Any:
    """A handler for :class:`~asynchttp.httpserver.HTTPServer` that runs ``application``.

    Args:
        root_path: where it is mounted, for ASGI and WSGI.
        threads: of :class:`~asynchttp.wsgi.WSGIHandler`.

    Raises: :exc:`TypeError` for what can't be of this interface.
    """
    if interface == "asgi":
        return ASGIHandler(application, root_path=root_path)
    if interface == "wsgi":
        return WSGIHandler(application, threads=threads, script_name=root_path)
    _dispatch.check_handler(application)
    return application
