"""asynchttp: Tornado's classic HTTP server stack on asyncio and uvloop.

Modules carry Tornado's names, so that ``from tornado import httpserver, ioloop`` becomes
``from asynchttp import httpserver, ioloop``. Importing the package imports none of them and touches no event loop.

``asynchttp.web``, ``.websocket``, ``.httpclient``, ``.escape``, ``.options``, ``.testing`` and the like are the
installed Tornado's own modules, running on the ones here (extra ``tornado``).
"""

import importlib

from asynchttp import _forward

__all__ = ["install_as_tornado", "version", "version_info"]

__version__ = "0.1.0"

#: The version as text; Tornado's name for it.
version = __version__

#: The version as four numbers, as Tornado's ``version_info``: compare this, not the text.
version_info = (0, 1, 0, 0)

_forward.register()


def install_as_tornado() -> None:
    """Let every ``import tornado.…`` from now on give this package's module of that name.

    For libraries that import Tornado themselves, and for programs that nobody wants to edit: call it before anything
    of Tornado is imported; ``python -m asynchttp.run_as_tornado script.py`` does. ``tornado`` itself, with its version,
    stays what it is, and the loggers ``tornado.access``, ``.application`` and ``.general`` become ours. A second call
    does nothing.

    Raises:
        RuntimeError: modules of Tornado were imported before; names them.
        ImportError: no Tornado is installed (extra ``tornado``), or not 6.5 or 6.6.
    """
    importlib.import_module("asynchttp._alias").install()
