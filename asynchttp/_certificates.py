"""The TLS context of a server: made of files, and made anew when they have changed.

How this works
==============
A new context is built beside the one in force and takes its place only if all of it is good: every file there, every
key the one of its certificate. So a broken file changes nothing, and there is no moment with half of the new. Open
connections, and handshakes under way, keep the context they began with.

A watcher looks at the files now and then. Who renews a certificate writes two files, one after the other: so they count
as changed when they are no more what was loaded, and the same at two looks in a row.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from asynchttp import netutil
from asynchttp.log import gen_log

__all__ = ["Certificates", "ServerSSLOptions", "checked_ssl_options"]

ServerSSLOptions: TypeAlias = dict[str, Any] | ssl.SSLContext | Callable[[], ssl.SSLContext]

_FILES = ("certfile", "keyfile", "ca_certs")
_Stamps = tuple[tuple[str, tuple[int, int, int] | None], ...]


def checked_ssl_options(options: ServerSSLOptions | None) -> ServerSSLOptions | None:
    """The same, if the files that it names exist: better now than at the first connection."""
    if isinstance(options, dict):
        if "certfile" not in options:
            raise KeyError("ssl_options has no 'certfile'")
        for name, path in _files(options):
            if not os.path.exists(path):
                raise ValueError(f'{name} "{path}" does not exist')
    return options


class Certificates:
    """A server's TLS context.

    Args:
        options: a dict for :func:`~asynchttp.netutil.ssl_options_to_context`, which may have ``"sni"`` too: names, of
            which ``*.example.org`` is one, with dicts whose entries take the place of the others for clients that ask
            for that name. Or a context; or a function that makes one.
        alpn: protocols to agree on, where the context is made here.

    Attributes:
        context: for connections from now on.

    Raises: :exc:`OSError` (of which :exc:`ssl.SSLError` is one) for files that can't be used.
    """

    def __init__(self, options: ServerSSLOptions, alpn: Sequence[str] = ()) -> None:
        self._options = options
        self._alpn = list(alpn)
        self._seen = self._loaded = self._stamps()
        self._timer: asyncio.TimerHandle | None = None
        self.context = self._make()

    def _make(self) -> ssl.SSLContext:
        if isinstance(self._options, ssl.SSLContext):
            return self._options
        if callable(self._options):
            return self._options()
        options = dict(self._options)
        sni: Mapping[str, Mapping[str, Any]] = options.pop("sni", None) or {}
        context = self._make_one(options)
        if sni:
            # A key of its own, or none: that of another certificate doesn't fit.
            others = {name.lower(): self._make_one({**options, "keyfile": None, **own}) for name, own in sni.items()}
            context.sni_callback = _choice(others)
        return context

    def _make_one(self, options: dict[str, Any]) -> ssl.SSLContext:
        try:
            context = netutil.ssl_options_to_context(options, server_side=True)
        except OSError as error:
            files = ", ".join(path for _, path in _files(options))
            what = getattr(error, "reason", None) or error.strerror or str(error)
            raise OSError(error.errno, f"TLS files {files}: {what}") from error
        if self._alpn:
            context.set_alpn_protocols(self._alpn)
        return context

    def reload(self) -> bool:
        """Make the context anew.

        Returns: whether that succeeded; if not, an error is logged and the old context stays in force.
        Raises: :exc:`ValueError` if there is nothing that it could be made of: a context was given.
        """
        if isinstance(self._options, ssl.SSLContext):
            raise ValueError(
                "ssl_options is a context: only a dict, or a function that makes a context, can be reloaded"
            )
        self._seen = self._loaded = self._stamps()
        try:
            self.context = self._make()
        except Exception as error:
            gen_log.error("Certificates not reloaded, the old ones stay in force: %s", error)
            return False
        gen_log.info("Certificates reloaded")
        return True

    # -- watching the files ----------------------------------------------------------------------------------------

    def watch(self, loop: asyncio.AbstractEventLoop, period: float, reload: Callable[[], object]) -> None:
        """Look at the files every ``period`` seconds, and call ``reload`` when they have changed."""
        self.stop_watching()

        def look() -> None:
            self._timer = loop.call_later(period, look)
            before, self._seen = self._seen, self._stamps()
            if before == self._seen != self._loaded:
                reload()

        self._timer = loop.call_later(period, look)

    def stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stamps(self) -> _Stamps:
        if not isinstance(self._options, dict):
            return ()
        return tuple((path, _stamp(path)) for _, path in _files(self._options))


def _files(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is named as a file, as (option, path)."""
    for name in _FILES:
        if options.get(name) is not None:
            yield name, os.fspath(options[name])
    for own in (options.get("sni") or {}).values():
        yield from _files(own)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _choice(contexts: Mapping[str, ssl.SSLContext]) -> Callable[[Any, str | None, ssl.SSLContext], None]:
    """What OpenSSL calls with the name that a client asks for.  RFC 6066 §3."""

    def choose(connection: Any, name: str | None, default: ssl.SSLContext) -> None:
        if name:
            name = name.lower()
            found = contexts.get(name) or contexts.get("*." + name.partition(".")[2])
            if found is not None:
                connection.context = found

    return choose
