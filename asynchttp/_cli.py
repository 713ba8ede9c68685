"""The command line: serve a handler by its name.

How this works
==============
===========================  ===================================================================  ====
step                         what can go wrong                                                    code
===========================  ===================================================================  ====
read flags, environment and  a bad name or value, things that don't go together, a missing or      2
configuration file           broken certificate
import the application       no such module or attribute, not a handler nor an application        2
                             it is there, but raises                                              3
listen                       a port in use, a host that doesn't resolve, a path that can't be      1
                             written
start the application up     it says that it can't (ASGI's lifespan)                              3
serve                        workers that die and die again                                       1
===========================  ===================================================================  ====

0 is an orderly stop by a signal. A second signal ends the process at once, whatever it waits for, with 1. A failure is
one line on stderr that names what is to be changed; a traceback is always a bug of ours.

Three ways to serve, each with the steps in this order and with everything checked before the first fork::

    alone      import ─► listen ─► Service.run: start up ─► accept
    workers    try the import in a child ─► listen ─► Supervisor ─┬► import ─► start up ─► accept   (again at SIGHUP)
                                                                  └► ...
    --reload   listen ─► watch ─► child: import ─► Service.run    (and again after a change)
"""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from asynchttp import (
    __version__,
    _adapters,
    _application,
    _config,
    _dispatch,
    _logging,
    _logsetup,
    _loops,
    _reload,
    process,
)
from asynchttp._certificates import Certificates, checked_ssl_options
from asynchttp._config import Settings
from asynchttp._failure import APPLICATION_FAILED, FAILED, USAGE, Failure
from asynchttp._forking import fork
from asynchttp._listeners import Listeners
from asynchttp._notify import Notifier
from asynchttp._options import OPTIONS
from asynchttp._pidfile import pid_file
from asynchttp._serve import Service, choose_loop, serve_as_worker
from asynchttp._sockets import UnixFiles, open_address, open_sockets, passes_sockets, url_of
from asynchttp._supervisor import Supervisor
from asynchttp._worker import Recycling, Worker, reopen_log_files
from asynchttp.httpserver import AccessLog, HTTPServer

__all__ = ["main"]

_CERT_REQS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; ``None``: those of the process.

    Returns: the exit code, see the module's docstring. ``--help`` and ``--version`` raise ``SystemExit``, and so does
        the end of a worker or of its supervisor.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        settings, extra = _config.read(arguments, os.environ)
        if extra.print_config:
            sys.stdout.write(_config.dump(settings))
            return 0
        if extra.check_config:
            _check(settings)
            print("asynchttp: the configuration is good")
            return 0
        return _run(settings)
    except Failure as failure:
        _say(f"error: {failure}")
        # --check-config has only two answers.
        return FAILED if "--check-config" in arguments else failure.code
    except KeyboardInterrupt:  # while there was nothing to stop yet
        return 128 + signal.SIGINT


def _say(text: str) -> None:
    # What is quoted may come from anywhere: it mustn't look like a second line.
    line = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    print(f"asynchttp: {line}", file=sys.stderr, flush=True)


# -- before anything is opened -------------------------------------------------------------------------------------


def _check(settings: Settings) -> None:
    """Find what is wrong without opening a socket or a file."""
    _prepare(settings)
    _logsetup.check(settings)
    _make_server(settings, _load(settings))


def _prepare(settings: Settings) -> str:
    """What needs no application; returns the kind of the loop."""
    kind = choose_loop(settings.loop)
    _check_certificates(settings)
    return kind


def _ssl_options(settings: Settings) -> dict[str, Any] | None:
    if not settings.ssl_certfile:
        return None
    return {
        "certfile": settings.ssl_certfile,
        "keyfile": settings.ssl_keyfile,
        # Without one OpenSSL would ask at the terminal.
        "password": settings.ssl_keyfile_password or "",
        "ca_certs": settings.ssl_ca_certs,
        "cert_reqs": _CERT_REQS[settings.ssl_cert_reqs],
        "ciphers": settings.ssl_ciphers,
        "sni": {name: {"certfile": certfile, "keyfile": keyfile} for name, certfile, keyfile in settings.ssl_sni},
    }


def _check_certificates(settings: Settings) -> None:
    options = _ssl_options(settings)
    if options is None:
        return
    for key in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"):
        path = getattr(settings, key)
        if path is not None and not os.access(path, os.R_OK):
            settings.refuse(key, f"cannot read {path}")
    try:
        Certificates(checked_ssl_options({**options, "sni": {}}) or {})
    except (OSError, ValueError) as error:
        settings.refuse("ssl_certfile", getattr(error, "strerror", None) or str(error))
    try:
        Certificates(checked_ssl_options(options) or {})
    except (OSError, ValueError) as error:
        settings.refuse("ssl_sni", getattr(error, "strerror", None) or str(error))


def _load(settings: Settings) -> Any:
    """The application, as a handler."""
    application = _application.load(settings.module, settings.handler, settings.app_dir, factory=settings.factory)
    what = f"{settings.module}:{settings.handler}" + ("() returned" if settings.factory else "")
    try:
        interface = settings.interface
        if interface == "auto":
            interface = _adapters.interface_of(application)
        handler = _adapters.adapt(application, interface, root_path=settings.root_path or "", threads=settings.threads)
    except _adapters.AmbiguousError as error:
        raise Failure(f"{what}: {error}; say which by {settings.origin('interface')}", USAGE) from error
    except TypeError as error:
        raise Failure(f"{what}: {error}", USAGE) from error
    if settings.root_path and interface == "handler":
        settings.refuse("root_path", f"is for ASGI and WSGI applications, and {what} is a handler")
    if settings.threads and interface != "wsgi":
        settings.refuse("threads", f"is for WSGI applications, and {what} isn't one")
    try:
        _dispatch.check_handler(handler, decompress=settings.decompress_request)
    except TypeError as error:
        settings.refuse("decompress_request", f"{what}: {error}")
    return handler


def _make_server(settings: Settings, handler: Any) -> HTTPServer:
    try:
        AccessLog(settings.access_log_format)
    except ValueError as error:
        settings.refuse("access_log_format", str(error))
    arguments = {option.argument: getattr(settings, option.key) for option in OPTIONS if option.argument}
    return HTTPServer(
        handler,
        ssl_options=_ssl_options(settings),
        no_keep_alive=not settings.keep_alive,
        access_log=settings.access_log_format if settings.access_log else None,
        stats=settings.admin is not None,
        **arguments,
    )


def _try_import(settings: Settings) -> None:
    """Raise what importing the application would raise, but leave this process without it."""
    reader, writer = os.pipe()
    with fork() as pid:
        pass  # signals are held back
    if pid == 0:
        code = 0
        try:
            _make_server(settings, _load(settings))
        except Failure as failure:
            code = failure.code
            os.write(writer, str(failure).encode(errors="backslashreplace")[:4000])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if text:
        raise Failure(text, code)
    if code:
        raise Failure(f"{settings.module} ended the process at import, with exit code {code}", APPLICATION_FAILED)


# -- serving -------------------------------------------------------------------------------------------------------


def _run(settings: Settings) -> int:
    kind = _prepare(settings)
    recycling = Recycling(
        max_requests=settings.max_requests,
        max_requests_jitter=settings.max_requests_jitter,
        lifetime=settings.worker_lifetime,
        max_rss=settings.worker_max_rss,
    )
    workers = process.number_of_processes(settings.workers)
    alone = workers == 1 and recycling == Recycling() and settings.worker_timeout is None
    handler = None
    if settings.reload:
        pass  # its child imports
    elif alone:
        handler = _load(settings)
        _make_server(settings, handler)
    else:
        _try_import(settings)
    passed = passes_sockets(os.environ)
    with _opened(settings) as (sockets, admin_sockets):
        run = _Run(settings, sockets, admin_sockets, kind, passed)
        if settings.reload:
            return run.reload()
        if alone:
            return run.alone(handler)
        return run.crew(workers, recycling)


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """The sockets, and those of the admin pages, and the files that belong to the whole run."""
    if settings.umask is not None:
        os.umask(settings.umask)
    files = UnixFiles()
    own = os.getpid()
    with contextlib.ExitStack() as stack:
        sockets = open_sockets(settings, os.environ, files)
        admin: list[socket.socket] = []
        stack.callback(_close_all, sockets, admin, files, own)
        if settings.admin is not None:
            origin, mode = settings.origin("admin"), settings.uds_permissions
            admin += open_address(settings.admin, origin, settings.backlog, mode, files)
        try:
            stack.enter_context(pid_file(settings.pid_file))
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"{settings.origin('pid_file')}: {settings.pid_file}: {reason}"
            raise Failure(message, FAILED) from error
        yield sockets, admin


def _close_all(sockets: list[socket.socket], admin: list[socket.socket], files: UnixFiles, owner: int) -> None:
    for sock in [*sockets, *admin]:
        sock.close()
    if os.getpid() == owner:
        files.remove()


class _Run:
    """One run of the command line, in one of its three ways."""

    def __init__(
        self,
        settings: Settings,
        sockets: list[socket.socket],
        admin_sockets: list[socket.socket],
        kind: str,
        passed: bool,
    ) -> None:
        self._settings = settings
        self._passed = passed
        self._sockets = sockets
        self._admin_sockets = admin_sockets
        self._kind = kind
        self._notifier = Notifier(os.environ)
        scheme = "https" if settings.ssl_certfile else "http"
        self._urls = [url_of(sock, scheme) for sock in sockets]
        self._admin_urls = [url_of(sock, "http") for sock in admin_sockets]

    def _announce(self, workers: int = 1) -> None:
        how = self._kind if workers == 1 else f"{self._kind}, {workers} workers"
        lines = [f"asynchttp {__version__} listening on {url} ({how})\n" for url in self._urls]
        lines += [f"asynchttp {__version__} shows /livez, /readyz and /metrics on {url}\n" for url in self._admin_urls]
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
        self._notifier.ready()

    def _is_exclusive(self) -> bool:
        """Whether the sockets are our own: what came from outside has somebody who keeps it for a successor."""
        settings = self._settings
        inherited = settings.fd is not None or any(kind == "fd" for kind, _ in settings.bind)
        return not (inherited or self._passed or settings.reload)

    def alone(self, handler: Any) -> int:
        settings = self._settings
        _logsetup.configure(settings)
        service = Service(
            _make_server(settings, handler),
            self._sockets,
            admin_sockets=self._admin_sockets,
            graceful_timeout=settings.graceful_timeout,
            shutdown_delay=settings.shutdown_delay,
            exclusive=self._is_exclusive(),
            on_ready=self._announce,
            notifier=self._notifier,
        )
        return service.run()

    def reload(self) -> int:
        settings = self._settings
        files = _reload.Files(
            settings.reload_dir or [settings.app_dir], settings.reload_include, settings.reload_exclude
        )

        def serve() -> int:
            try:
                return self.alone(_load(settings))
            except Failure as failure:
                _say(f"error: {failure}")
                return failure.code

        return _reload.run(serve, files, settings.graceful_timeout, _say)

    def crew(self, workers: int, recycling: Recycling) -> int:
        settings = self._settings
        _logsetup.configure(settings)
        waiting = workers

        def on_event(event: str, pid: int) -> None:
            nonlocal waiting
            if event == "ready":
                waiting -= 1
                if waiting == 0:
                    self._announce(workers)
                elif waiting < 0:
                    self._notifier.ready()
            elif event == "reload":
                self._notifier.reloading()
                reopen_log_files()
            elif event == "stopping":
                self._notifier.stopping()

        supervisor = Supervisor(
            None,
            workers,
            Listeners(self._sockets, settings.listeners, exclusive=self._is_exclusive()),
            graceful_timeout=settings.graceful_timeout,
            shutdown_delay=settings.shutdown_delay,
            max_restarts=settings.max_restarts,
            ready_timeout=settings.worker_ready_timeout,
            worker_timeout=settings.worker_timeout,
            recycling=recycling,
            on_event=on_event,
        )
        self._feed_watchdog()
        try:
            worker = process.fork_crew(supervisor)  # comes back in workers only
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            return self._work(worker)
        finally:
            worker.close()

    def _work(self, worker: Worker) -> int:
        settings = self._settings
        _logging.reset()
        try:
            handler = _load(settings)
            _logsetup.configure(settings)
            server = _make_server(settings, handler)
            with asyncio.Runner(loop_factory=_loops.new_asyncio_loop) as runner:
                runner.run(serve_as_worker(server, worker.sockets, self._admin_sockets, worker))
        except Failure as failure:
            for sock in worker.sockets:
                sock.close()
            _say(f"error: {failure}")
            return failure.code
        return 0

    def _feed_watchdog(self) -> None:
        """Tell the service manager that the supervisor lives; whether its workers do is for ``--worker-timeout``."""
        period = self._notifier.period
        if period is not None:
            signal.signal(signal.SIGALRM, lambda number, frame: self._notifier.alive())
            signal.setitimer(signal.ITIMER_REAL, period, period)
