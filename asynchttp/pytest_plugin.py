"""A plugin for pytest: a real server for the length of a test.

>>> def test_hello(asynchttp_server):
...     server = asynchttp_server(handle)
...     assert urllib.request.urlopen(server.url).read() == b"Hello, world!"

Pytest loads it where the distribution is installed; nothing of the server is imported before a test asks for it.
"""

import importlib
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asynchttp._testserver import LocalServer

__all__ = ["asynchttp_loop", "asynchttp_server"]

_SERVERS: "pytest.StashKey[list[LocalServer]]" = pytest.StashKey()


@pytest.fixture
def asynchttp_loop() -> str | None:
    """Where the servers of ``asynchttp_server`` run: ``"asyncio"`` or ``"uvloop"``: each on a loop of that kind, in a
    thread; ``None``: where the test does.

    ``@pytest.mark.parametrize("asynchttp_loop", ["asyncio", "uvloop"])`` runs a test on both.
    """
    return None


@pytest.fixture
def asynchttp_server(
    asynchttp_loop: str | None, request: pytest.FixtureRequest
) -> "Iterator[Callable[..., LocalServer]]":
    """A function that starts a server on a free port of 127.0.0.1: ``asynchttp_server(handler, tls=False, **options)``.

    Args:
        handler: of any style: a function, a coroutine function, a ``tornado.web.Application`` or another delegate, an
            ASGI or a WSGI application.
        tls: speak TLS, with a certificate that is made for the test; needs ``trustme``. Clients that use
            ``server.ssl_context`` trust it.

    Further options are those of :class:`~asynchttp.httpserver.HTTPServer`.

    Returns: a server with ``url`` (``"http://127.0.0.1:41234"``), ``host``, ``port``, ``ssl_context`` and ``stop()``.
    In a test that is a coroutine it runs in the test's own loop, and what ``stop()`` returns can be awaited. In others,
    and where ``asynchttp_loop`` names a loop, it runs in a thread, and ``stop()`` waits for its end. All servers stop
    with the test; the start-up and shutdown of ASGI applications belong to it.
    """
    servers: list[LocalServer] = []
    request.node.stash[_SERVERS] = servers

    def start(handler: Any, *, tls: bool = False, **options: Any) -> "LocalServer":
        server_class: type[LocalServer] = importlib.import_module("asynchttp._testserver").LocalServer
        server = server_class(handler, options, tls=tls, loop_name=asynchttp_loop)
        servers.append(server)
        server.start()
        return server

    yield start
    _end(servers)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """End the servers in the test's loop while there is one: it is closed before fixtures are torn down."""
    try:
        yield
    finally:
        _end([server for server in item.stash.get(_SERVERS, ()) if not server.in_thread])


def _end(servers: "list[LocalServer]") -> None:
    errors = [error for server in reversed(servers) if (error := server.end()) is not None]
    if errors:
        raise errors[0]
