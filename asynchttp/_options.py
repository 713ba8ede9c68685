"""The options of the command line: a table, from which come the flags, their environment variables and the keys of the
configuration file.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final

from asynchttp import _values as values

__all__ = ["GROUPS", "OPTIONS", "SOCKET_SOURCES", "Option"]


@dataclasses.dataclass(frozen=True)
class Option:
    """One row.

    Attributes:
        name: as a flag without its dashes, and as a key.
        help: one sentence, without the default.
        parse: reads the text of a value; :exc:`ValueError` says what is wrong with it.
        default: what holds where nobody says anything.
        metavar: stands for the value in the help.
        aliases: other names of the flag, those of other servers.
        variables: shared environment variables, which count after our own.
        repeatable: may be given several times; the value is a tuple.
        argument: the keyword argument of :class:`~asynchttp.httpserver.HTTPServer` that it is.
        shown: the default as the help tells it, where it isn't a plain value.
    """

    name: str
    help: str
    parse: Callable[[str], Any] = values.name
    default: Any = None
    metavar: str = "TEXT"
    aliases: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    repeatable: bool = False
    argument: str | None = None
    shown: str | None = None

    @property
    def is_switch(self) -> bool:
        return self.parse is values.switch

    @property
    def key(self) -> str:
        """As an attribute."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "ASYNCHTTP_" + self.key.upper()


def _switch(name: str, text: str, **more: Any) -> Option:
    return Option(name, text, values.switch, False, **more)


def _words(name: str, text: str, default: str | None, *words: str, **more: Any) -> Option:
    return Option(name, text, values.choice(*words), default, "|".join(words), **more)


_SECONDS: Final[dict[str, Any]] = {"metavar": "SECONDS"}

GROUPS: Sequence[tuple[str, Sequence[Option]]] = (
    (
        "application",
        (
            Option("app-dir", "where to look for the module first", default=".", metavar="DIR"),
            _switch("factory", "call the attribute, without arguments, to get the handler"),
            _words("interface", "what it is; auto looks", "auto", "auto", "asgi", "wsgi", "handler"),
            Option("root-path", "where an ASGI or WSGI application is mounted", values.path, metavar="PATH"),
            Option("threads", "that run a WSGI application", values.number(1, 4096), metavar="NUMBER"),
        ),
    ),
    (
        "sockets (one of --bind, --host with --port, --uds, --fd, or what systemd passes)",
        (
            Option("host", "address or name to listen on, '' for every interface", str, "127.0.0.1", "HOST"),
            Option("port", "port to listen on, 0 for one that the system chooses", values.port, 8888, "PORT"),
            Option(
                "bind",
                "host:port, [ipv6]:port, unix:path or fd://number; may be given several times",
                values.address,
                (),
                "ADDRESS",
                repeatable=True,
            ),
            Option("uds", "UNIX socket to listen on", metavar="PATH"),
            Option(
                "uds-permissions", "permissions of UNIX sockets, in octal", values.file_mode, 0o600, "MODE", shown="600"
            ),
            Option("fd", "descriptor of a listening socket, inherited", values.number(0, 1 << 20), metavar="NUMBER"),
            Option("backlog", "connections that may wait to be accepted", values.number(1, 65535), 2048, "NUMBER"),
            _words(
                "listeners",
                "how workers share a port",
                None,
                "per-worker",
                "shared",
                "reuse-port",
                shown="per-worker on Linux, else shared",
            ),
        ),
    ),
    (
        "processes",
        (
            Option(
                "workers",
                "processes that serve, 0 for one per core",
                values.number(0, 1024),
                1,
                "NUMBER",
                aliases=("processes",),
                variables=("WEB_CONCURRENCY",),
            ),
            _words(
                "loop",
                "event loop; auto is uvloop where it is installed",
                "auto",
                "auto",
                "uvloop",
                "asyncio",
            ),
            Option(
                "graceful-timeout",
                "for requests in progress, when it stops",
                values.duration(),
                30.0,
                aliases=("timeout-graceful-shutdown",),
                **_SECONDS,
            ),
            Option(
                "shutdown-delay", "of full service between a stop and its beginning", values.duration(), 0.0, **_SECONDS
            ),
            Option("max-requests", "requests after which a worker is replaced", values.number(1), metavar="NUMBER"),
            Option("max-requests-jitter", "at most so many more, by chance", values.number(0), 0, "NUMBER"),
            Option("worker-lifetime", "after which a worker is replaced", values.duration(1), **_SECONDS),
            Option("worker-max-rss", "memory above which a worker is replaced", values.size(1 << 20), metavar="SIZE"),
            Option(
                "worker-timeout",
                "without a sign of life, after which a worker is killed and replaced",
                values.duration(1),
                **_SECONDS,
            ),
            Option(
                "max-restarts",
                "early deaths of workers, in 120 s, above which it fails",
                values.number(0),
                20,
                "NUMBER",
            ),
            Option("worker-ready-timeout", "for a worker to start", values.duration(0.1), 60.0, **_SECONDS),
            Option("pid-file", "file for the process id", metavar="FILE"),
            Option("umask", "permissions that new files don't get, in octal", values.file_mode, metavar="MODE"),
        ),
    ),
    (
        "limits and times",
        (
            Option(
                "keep-alive-timeout",
                "between requests of a connection",
                values.duration(0.01),
                75.0,
                aliases=("timeout-keep-alive",),
                argument="idle_connection_timeout",
                **_SECONDS,
            ),
            Option("keep-alive", "let connections have further requests", values.switch, True),
            Option(
                "header-timeout",
                "for a request head, and for a TLS handshake",
                values.duration(0.01),
                60.0,
                argument="header_timeout",
                **_SECONDS,
            ),
            Option("body-timeout", "for a request body", values.duration(0.01), argument="body_timeout", **_SECONDS),
            Option(
                "write-timeout",
                "without the client taking anything",
                values.duration(0.01),
                60.0,
                argument="write_timeout",
                **_SECONDS,
            ),
            Option(
                "handler-timeout",
                "from the start of a request to the end of its response, then 503",
                values.duration(0.01),
                argument="handler_timeout",
                **_SECONDS,
            ),
            Option(
                "linger-timeout",
                "for a client to take a refusal, while what it still sends is dropped",
                values.duration(0.01),
                1.0,
                argument="linger_timeout",
                **_SECONDS,
            ),
            Option("linger-size", "that is dropped then", values.size(1), 262144, "SIZE", argument="linger_size"),
            Option("max-header-size", "of a request head", values.size(64), 65536, "SIZE", argument="max_header_size"),
            Option(
                "max-header-count",
                "fields of a request head",
                values.number(1),
                100,
                "NUMBER",
                argument="max_header_count",
            ),
            Option("max-body-size", "of a request body", values.size(0), 100 << 20, "SIZE", argument="max_body_size"),
            Option(
                "max-buffer-size",
                "that a stream may hold",
                values.size(1024),
                metavar="SIZE",
                argument="max_buffer_size",
            ),
            Option(
                "chunk-size",
                "of input that waits behind an unfinished request",
                values.size(1024),
                65536,
                "SIZE",
                argument="chunk_size",
            ),
            Option(
                "max-connections",
                "open connections of a worker; more wait to be accepted",
                values.number(1),
                metavar="NUMBER",
                argument="max_connections",
            ),
            Option(
                "limit-concurrency",
                "requests in progress in a worker; more are answered with 503",
                values.number(1),
                metavar="NUMBER",
                argument="limit_concurrency",
            ),
            _switch(
                "cancel-on-disconnect",
                "cancel a coroutine handler whose client goes away",
                argument="cancel_on_disconnect",
            ),
            _switch(
                "allow-bare-lf",
                "serve very old clients, whose lines end with LF only; never behind a proxy",
                argument="allow_bare_lf",
            ),
            _switch("decompress-request", "undo gzip and deflate of request bodies", argument="decompress_request"),
        ),
    ),
    (
        "TLS (files are read again at SIGHUP)",
        (
            Option("ssl-certfile", "certificate, with its chain, in PEM; speaks TLS", metavar="FILE"),
            Option("ssl-keyfile", "its key, if that isn't in the same file", metavar="FILE"),
            Option("ssl-keyfile-password", "of the key", str, metavar="PASSWORD"),
            Option("ssl-ca-certs", "authorities for certificates of clients", metavar="FILE"),
            Option(
                "ssl-cert-reqs",
                "whether clients have to have a certificate; 0, 1 and 2 are understood, too",
                values.choice("none", "optional", "required", _0="none", _1="optional", _2="required"),
                "none",
                "none|optional|required",
            ),
            Option("ssl-ciphers", "for TLS 1.2, in OpenSSL's notation", metavar="LIST"),
            Option(
                "ssl-sni",
                "another certificate for clients that ask for this name; may be given several times",
                values.sni,
                (),
                "NAME=CERT:KEY",
                repeatable=True,
            ),
            Option(
                "ssl-reload",
                "between looks at the files, which are read again when they have changed",
                values.duration(0.01),
                argument="ssl_reload",
                **_SECONDS,
            ),
        ),
    ),
    (
        "behind a proxy",
        (
            _switch(
                "xheaders",
                "believe X-Real-Ip, X-Forwarded-For, X-Scheme and X-Forwarded-Proto",
                aliases=("proxy-headers",),
                argument="xheaders",
            ),
            Option(
                "trusted-proxies",
                "addresses and networks that are believed, separated by commas; * for all",
                values.networks,
                ("127.0.0.1", "::1"),
                "LIST",
                aliases=("forwarded-allow-ips",),
                variables=("FORWARDED_ALLOW_IPS",),
                argument="trusted_proxies",
                shown="127.0.0.1,::1",
            ),
            _words(
                "proxy-protocol",
                "each connection of a trusted proxy begins with a PROXY header",
                "off",
                "off",
                "v1",
                "v2",
                "auto",
                argument="proxy_protocol",
            ),
        ),
    ),
    (
        "logs",
        (
            _words(
                "log-level", "least level of what is logged", "info", "debug", "info", "warning", "error", "critical"
            ),
            _words("log-format", "of the log; json has an object in each line", "text", "text", "json"),
            Option("log-file", "file for the log instead of stderr; SIGUSR1 opens it again", metavar="FILE"),
            Option("log-config", "configuration for logging: .toml, .json, or .ini", metavar="FILE"),
            _switch("access-log", "log each request"),
            Option("access-log-file", "file for these lines instead of standard output", metavar="FILE"),
            Option(
                "access-log-format",
                "combined, common, tornado, json, or a format with atoms such as %(h)s %(r)s %(s)s",
                default="combined",
                metavar="FORMAT",
            ),
        ),
    ),
    (
        "observing",
        (
            Option("admin", "address of the pages for operators, as for --bind", values.address, metavar="ADDRESS"),
            Option(
                "health-path",
                "path of the readiness page, beside the application",
                values.path,
                metavar="PATH",
                argument="health_path",
            ),
            Option(
                "server-header",
                "the Server field of responses",
                values.field_value,
                metavar="TEXT",
                argument="server_header",
            ),
        ),
    ),
    (
        "development",
        (
            _switch("reload", "start again when a file of the application has changed"),
            Option("reload-dir", "directories to watch", default=(), metavar="DIR", repeatable=True, shown="--app-dir"),
            Option(
                "reload-include", "pattern of file names", default=(), metavar="GLOB", repeatable=True, shown="*.py"
            ),
            Option("reload-exclude", "pattern of file names to ignore", default=(), metavar="GLOB", repeatable=True),
        ),
    ),
)

OPTIONS: Sequence[Option] = tuple(option for _, options in GROUPS for option in options)

#: Where sockets come from: each entry is one source.
SOCKET_SOURCES: Sequence[tuple[str, ...]] = (("bind",), ("host", "port"), ("uds",), ("fd",))
