"""asynchttp: Tornado's classic HTTP server stack on asyncio and uvloop.

Modules carry Tornado's names, so that ``from tornado import httpserver, ioloop`` becomes
``from asynchttp import httpserver, ioloop``. Importing the package imports none of them and touches no event loop.
"""

__all__ = ["version", "version_info"]

__version__ = "0.1.0"

#: The version as text; Tornado's name for it.
version = __version__

#: The version as four numbers, as Tornado's ``version_info``: compare this, not the text.
version_info = (0, 1, 0, 0)
