"""``io_loop`` arguments: Tornado up to 4.5 had them nearly everywhere, later versions have others in their place."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asynchttp.ioloop import IOLoop

__all__ = ["accepts_io_loop"]

_Init = TypeVar("_Init", bound=Callable[..., None])


def accepts_io_loop(at: int, *, none_is_loop: bool = False) -> Callable[[_Init], _Init]:
    """Let a constructor take ``io_loop`` as the positional argument number ``at``, where newer ones take another.

    Args:
        at: counted from 0, without ``self``.
        none_is_loop: whether a ``None`` there is an ``io_loop`` too. Otherwise it is one only if more arguments follow.

    The constructor gets it as the keyword ``io_loop``.
    """

    def decorate(init: _Init) -> _Init:
        @functools.wraps(init)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            if len(args) > at and "io_loop" not in kwargs:
                candidate = args[at]
                if isinstance(candidate, IOLoop) or (candidate is None and (none_is_loop or len(args) > at + 1)):
                    kwargs["io_loop"] = candidate
                    args = args[:at] + args[at + 1 :]
            init(self, *args, **kwargs)

        return cast(_Init, wrapper)

    return decorate
