"""What the operator wants: flags, environment and configuration file brought together.

How this works
==============
Each option has a text at some of four levels, of which the first that has one counts::

    flag  ►  ASYNCHTTP_<FLAG>, or a variable that servers share  ►  key of the --config file  ►  default

Texts are read the same way wherever they come from, and an error names the place: ``--port``, ``ASYNCHTTP_PORT`` or
``server.toml: port``. Sockets are one setting: ``--bind`` at one level replaces ``port`` at a lower one, and two
sources at the same level are an error.
"""

import argparse
import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from asynchttp import __version__, _values
from asynchttp._failure import USAGE, Failure
from asynchttp._options import GROUPS, OPTIONS, SOCKET_SOURCES, Option

__all__ = ["Settings", "dump", "read"]

Text = str | bool | tuple[str, ...]

#: Of TOML, in the forms that are likely.
_NUMBER = re.compile(r"0|[1-9][0-9]*(\.[0-9]+)?|0\.[0-9]+")

#: No file that somebody wrote: it would be read into memory.
_MOST_OCTETS = 1 << 20

_TARGET = Option("target", "what answers the requests, e.g. examples.hello_await:handle", _values.target)
_ALL = (_TARGET, *OPTIONS)
_EPILOG = """\
Each flag has an environment variable, ASYNCHTTP_ and its name in capitals with _ for -, and the same name is a key of
the file that --config names (TOML). A flag counts before the variable, that before the key. Sizes are in octets, with
K, M or G for powers of 1024; times are in seconds.

exit codes
  0  stopped as told               2  wrong usage or configuration
  1  failed                        3  the application failed to start

signals
  TERM, INT   finish what is in progress and stop; a second one stops at once
  QUIT        stop at once, with all stacks logged
  HUP         read certificates and open logs again, and replace workers one by one
  TTIN, TTOU  a worker more, a worker less
  USR1        open logs again
"""


class Settings:
    """The value of each option, as an attribute; ``module`` and ``handler``; and where they come from."""

    def __init__(self, texts: Mapping[str, Text], origins: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._origins = dict(origins)
        self._values: dict[str, Any] = {}
        for option in _ALL:
            self._values[option.key] = self._parse(option)
        module, handler = self._values["target"] or ("", "")
        self.module: str = module
        self.handler: str = handler

    def _parse(self, option: Option) -> Any:
        text = self._texts.get(option.key)
        if text is None or isinstance(text, bool):
            return option.default if text is None else text
        try:
            return option.parse(text) if isinstance(text, str) else tuple(map(option.parse, text))
        except ValueError as error:
            raise Failure(f"{self._origins[option.key]}: {error}", USAGE) from None

    def __getattr__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise AttributeError(key) from None

    def is_given(self, key: str) -> bool:
        """Whether somebody has said something about this option."""
        return key in self._texts

    def text(self, key: str) -> Text | None:
        """The value as it was given."""
        return self._texts.get(key)

    def origin(self, key: str) -> str:
        """Where the value comes from: the flag, where nobody has given it."""
        return self._origins.get(key, "--" + key.replace("_", "-"))

    def refuse(self, key: str, message: str) -> NoReturn:
        """Say what is wrong with an option, and end."""
        raise Failure(f"{self.origin(key)}: {message}", USAGE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line; argparse would print the usage before it."""
        raise Failure(f"{message} (see --help)", USAGE)


def read(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> tuple[Settings, argparse.Namespace]:
    """Read everything.

    Args:
        arguments: of the command line; ``None``: those of the process.

    Returns: the settings, and the rest: ``check_config`` and ``print_config``.
    Raises: :exc:`Failure` for anything that is wrong; :exc:`SystemExit` for ``--help`` and ``--version``.
    """
    given = _make_parser().parse_args(arguments)
    flags: dict[str, Text] = {
        option.key: tuple(value) if isinstance(value := getattr(given, option.key), list) else value
        for option in _ALL
        if hasattr(given, option.key)
    }
    levels = [(flags, {key: "--" + key.replace("_", "-") for key in flags} | {"target": "module:handler"})]
    levels.append(_from_environment(environment))
    config = given.config or environment.get("ASYNCHTTP_CONFIG")
    if config:
        levels.append(_from_file(config, "--config" if given.config else "ASYNCHTTP_CONFIG"))
    texts: dict[str, Text] = {}
    origins: dict[str, str] = {}
    sockets_are_chosen = False
    for level_texts, level_origins in levels:
        chosen = _socket_source(level_texts, level_origins)
        for key, text in level_texts.items():
            is_of_sockets = any(key in keys for keys in SOCKET_SOURCES)
            if key not in texts and not (is_of_sockets and sockets_are_chosen and not _completes(key, texts)):
                texts[key] = text
                origins[key] = level_origins[key]
        sockets_are_chosen = sockets_are_chosen or chosen
    settings = Settings(texts, origins)
    if not settings.module and not given.print_config:
        raise Failure("the following arguments are required: module:handler (see --help)", USAGE)
    _check(settings)
    return settings, given


def _socket_source(texts: Mapping[str, Text], origins: Mapping[str, str]) -> bool:
    """Whether this level says where to listen.  Raises :exc:`Failure` if it says it twice."""
    sources = [[key for key in keys if key in texts] for keys in SOCKET_SOURCES]
    named = [origins[keys[0]] for keys in sources if keys]
    if len(named) > 1:
        raise Failure(f"two sources of sockets: {' and '.join(named)}", USAGE)
    return bool(named)


def _completes(key: str, texts: Mapping[str, Text]) -> bool:
    """Whether ``key`` belongs to the source that a higher level has chosen: ``--port`` there, ``host`` here."""
    return any(key in keys and any(other in texts for other in keys) for keys in SOCKET_SOURCES)


# -- flags ---------------------------------------------------------------------------------------------------------


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="asynchttp",
        description="Serve a handler: a function, a coroutine function, or a delegate (a tornado.web.Application).\n"
        "Or an ASGI or WSGI application.",
        usage="asynchttp [options] module:handler",
        epilog=_EPILOG,
        formatter_class=_Formatter,
        # An abbreviation that works today would be ambiguous with the next flag.
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        add_help=False,
    )
    parser.add_argument("target", nargs="?", metavar="module:handler", help=_TARGET.help)
    for title, options in GROUPS:
        group = parser.add_argument_group(title)
        for option in options:
            _add(group, option)
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", metavar="FILE", default=None, help="file with more options, in TOML")
    group.add_argument(
        "--check-config", action="store_true", default=False, help="say whether all is well; exit code 0 or 1"
    )
    group.add_argument(
        "--print-config", action="store_true", default=False, help="print what would hold, as such a file"
    )
    group.add_argument("--version", action="version", version=f"asynchttp {__version__}", help="print the version")
    group.add_argument("--help", "-h", action="help", help="print this")
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=120)


def _add(group: Any, option: Option) -> None:
    names = ["--" + name for name in (option.name, *option.aliases)]
    text = option.help.replace("%", "%%")
    if option.is_switch:
        words = f" (default: {'on' if option.default else 'off'})"
        group.add_argument(*names, action=argparse.BooleanOptionalAction, dest=option.key, help=text + words)
        return
    if option.shown is not None or option.default not in (None, ()):
        text += f" (default: {_default_text(option)})".replace("%", "%%")
    action = "append" if option.repeatable else "store"
    group.add_argument(*names, action=action, dest=option.key, metavar=option.metavar, help=text)


# -- environment ---------------------------------------------------------------------------------------------------


def _from_environment(environment: Mapping[str, str]) -> tuple[dict[str, Text], dict[str, str]]:
    texts: dict[str, Text] = {}
    origins: dict[str, str] = {}
    for option in _ALL:
        for variable in (option.variable, *option.variables):
            # An empty variable is one that somebody wanted to take back.
            if text := environment.get(variable):
                texts[option.key] = tuple(text.split(",")) if option.repeatable else text
                origins[option.key] = variable
                if option.is_switch:
                    texts[option.key] = _switch(text, variable)
                break
    return texts, origins


def _switch(text: str, origin: str) -> bool:
    try:
        return _values.switch(text)
    except ValueError as error:
        raise Failure(f"{origin}: {error}", USAGE) from None


# -- file ----------------------------------------------------------------------------------------------------------


def _from_file(path: str, flag: str) -> tuple[dict[str, Text], dict[str, str]]:
    try:
        with open(path, "rb") as file:
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise Failure(f"{flag}: cannot read {path}: {error.strerror}", USAGE) from None
    if len(octets) > _MOST_OCTETS:
        raise Failure(f"{path}: more than {_MOST_OCTETS} octets", USAGE)
    try:
        content = tomllib.loads(octets.decode())
    # Of TOML and UTF-8, of numbers with thousands of digits, of brackets in thousands of brackets.
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path}: {error}", USAGE) from None
    known = {option.key: option for option in _ALL}
    texts: dict[str, Text] = {}
    origins: dict[str, str] = {}
    for name, value in content.items():
        option = known.get(name.replace("-", "_"))
        if option is None:
            similar = difflib.get_close_matches(name.replace("_", "-"), [each.name for each in _ALL], 1)
            raise Failure(f"{path}: {name}: no such option" + (f"; {similar[0]}?" if similar else ""), USAGE)
        if option.key in texts:
            raise Failure(f"{path}: {name}: given twice", USAGE)
        origins[option.key] = origin = f"{path}: {name}"
        try:
            texts[option.key] = _text_of(option, value, origin)
        except ValueError:  # Python writes no more than 4300 digits
            raise Failure(f"{origin}: a number with thousands of digits", USAGE) from None
    return texts, origins


def _text_of(option: Option, value: Any, origin: str) -> Text:
    """A value of TOML as it would be written on the command line."""
    if option.is_switch:
        if isinstance(value, bool):
            return value
        raise Failure(f"{origin}: {value!r} is neither true nor false", USAGE)
    if option.name == "ssl-sni" and isinstance(value, dict):
        value = [f"{name}={_files(own, origin)}" for name, own in value.items()]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        if option.repeatable:
            return tuple(value)
        if option.parse is _values.networks:
            return ",".join(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # 0o640 would come as 416, and 640 as 640.
    if isinstance(value, str) or (is_number and option.parse is not _values.file_mode):
        return (str(value),) if option.repeatable else str(value)
    kind = "a list of strings" if option.repeatable else "a string"
    raise Failure(f"{origin}: {value!r} is not {kind}", USAGE)


def _files(own: Any, origin: str) -> str:
    if (
        isinstance(own, dict)
        and own.keys() <= {"certfile", "keyfile"}
        and all(isinstance(v, str) for v in own.values())
    ):
        own = ":".join(own[name] for name in ("certfile", "keyfile") if name in own)
    if isinstance(own, str):
        return own
    raise Failure(f"{origin}: {own!r} is neither 'certificate:key' nor a table with certfile and keyfile", USAGE)


# -- what doesn't go together --------------------------------------------------------------------------------------


def _check(settings: Settings) -> None:
    for key in ("ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_ciphers", "ssl_sni", "ssl_reload"):
        if getattr(settings, key) and not settings.ssl_certfile:
            settings.refuse(key, "needs --ssl-certfile")
    if settings.ssl_cert_reqs != "none":
        if not settings.ssl_certfile:
            settings.refuse("ssl_cert_reqs", "needs --ssl-certfile")
        if not settings.ssl_ca_certs:
            settings.refuse("ssl_cert_reqs", "needs --ssl-ca-certs: there is nobody who could vouch for a client")
    for key in ("log_file", "log_format", "access_log_file"):
        if settings.log_config and settings.is_given(key):
            settings.refuse(key, f"has no meaning beside {settings.origin('log_config')}")
    if settings.is_given("access_log_file") and not settings.access_log:
        settings.refuse("access_log_file", "needs --access-log")
    if settings.max_requests_jitter and not settings.max_requests:
        settings.refuse("max_requests_jitter", "needs --max-requests")
    if settings.reload:
        if settings.workers != 1:
            settings.refuse(
                "workers", f"has no meaning beside {settings.origin('reload')}, which serves by one process"
            )
        of_workers = ("max_restarts", "worker_ready_timeout", "worker_timeout")
        for key in ("max_requests", "worker_lifetime", "worker_max_rss", *of_workers):
            if settings.is_given(key):
                settings.refuse(key, f"has no meaning beside {settings.origin('reload')}")
    for key in ("reload_dir", "reload_include", "reload_exclude"):
        if settings.is_given(key) and not settings.reload:
            settings.refuse(key, "needs --reload")
    for directory in settings.reload_dir:
        if not os.path.isdir(directory):
            settings.refuse("reload_dir", f"{directory!r} is not a directory")
    if not os.path.isdir(settings.app_dir):
        settings.refuse("app_dir", f"{settings.app_dir!r} is not a directory")


# -- printing ------------------------------------------------------------------------------------------------------


def dump(settings: Settings) -> str:
    """The settings as a configuration file that means the same; passwords are left out."""
    lines = []
    if settings.module:
        lines.append(_line(_TARGET, f"{settings.module}:{settings.handler}", settings.origin("target")))
    elsewhere = any(settings.is_given(key) for key in ("bind", "uds", "fd"))
    for title, options in GROUPS:
        lines += ["", f"# {title.partition(' (')[0]}"]
        for option in options:
            text = settings.text(option.key)
            if text is not None:
                lines.append(_line(option, text, settings.origin(option.key)))
            elif option.default not in (None, ()) and not (elsewhere and option.name in ("host", "port")):
                lines.append(_line(option, _default_text(option), "default"))
    return "\n".join(lines).strip() + "\n"


def _default_text(option: Option) -> Text:
    default = option.default if option.shown is None else option.shown
    if isinstance(default, bool):
        return default
    return f"{default:g}" if isinstance(default, float) else str(default)


def _line(option: Option, text: Text, origin: str) -> str:
    if "password" in option.name:
        return f"# {option.name} is given by {origin}"
    is_number = isinstance(text, str) and option.metavar in ("NUMBER", "PORT", "SECONDS") and _NUMBER.fullmatch(text)
    value = text if is_number else json.dumps(text, ensure_ascii=False)
    return f"{option.name} = {value}  # {origin}"
