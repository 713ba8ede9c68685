"""Options from flags, environment and file: what each reads, which one counts, and what is said of a wrong one."""

import argparse
import inspect
import pathlib
import re
import tomllib
from typing import Any

import pytest

from asynchttp import _config
from asynchttp._config import Settings, dump
from asynchttp._failure import Failure
from asynchttp._options import OPTIONS, Option
from asynchttp.httpserver import HTTPServer


def read(*flags: str, env: dict[str, str] | None = None, target: str = "app:hello") -> Settings:
    return _config.read([*([target] if target else []), *flags], env or {})[0]


def refusal(*flags: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(Failure) as caught:
        read(*flags, env=env)
    assert caught.value.code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


#: Option → (text, value) that it takes, and texts that it refuses.
VALUES: dict[str, tuple[tuple[str, Any], tuple[str, ...]]] = {
    "host": (("::1", "::1"), ()),
    "port": (("0", 0), ("65536", "-1", "+80", "http", "1e3", "٣")),
    "bind": (
        ("127.0.0.1:80", (("tcp", ("127.0.0.1", 80)),)),
        ("80", "127.0.0.1", "x:y", "::1:80", "[::1:80", "[x]:80", "unix:", "fd://", "fd://-1", "fd://x", "x:99999"),
    ),
    "uds-permissions": (("660", 0o660), ("888", "rw", "6", "77777")),
    "fd": (("3", 3), ("-1", "stdin", "99999999999")),
    "backlog": (("1", 1), ("0", "65536", "many")),
    "listeners": (("shared", "shared"), ("mine",)),
    "workers": (("0", 0), ("-1", "two", "1.5", "5000")),
    "loop": (("asyncio", "asyncio"), ("trio", "")),
    "graceful-timeout": (("0.5", 0.5), ("-1", "nan", "inf", "10s", "1_0")),
    "shutdown-delay": (("2", 2.0), ("-0.1", "x")),
    "max-requests": (("1", 1), ("0", "x")),
    "worker-lifetime": (("3600", 3600.0), ("0", "1h")),
    "worker-max-rss": (("512M", 512 << 20), ("1K", "0", "x")),
    "interface": (("wsgi", "wsgi"), ("rack", "")),
    "root-path": (("/api", "/api"), ("api", "/a?b")),
    "threads": (("8", 8), ("0", "x")),
    "max-restarts": (("0", 0), ("-1", "x")),
    "worker-ready-timeout": (("5", 5.0), ("0", "x")),
    "worker-timeout": (("30", 30.0), ("0.1", "x")),
    "umask": (("027", 0o27), ("9", "rw")),
    "keep-alive-timeout": (("75", 75.0), ("0", "-5")),
    "header-timeout": (("1", 1.0), ("0", "x")),
    "body-timeout": (("1", 1.0), ("0", "x")),
    "handler-timeout": (("1", 1.0), ("0", "x")),
    "linger-timeout": (("1", 1.0), ("0", "x")),
    "linger-size": (("1K", 1024), ("0", "x")),
    "write-timeout": (("1", 1.0), ("0", "x")),
    "max-header-size": (("64K", 65536), ("0", "63", "64KB", "-1", "1.5K", "64 K", "9" * 30)),
    "max-header-count": (("5", 5), ("0", "x")),
    "max-body-size": (("1g", 1 << 30), ("-1", "x", "1T")),
    "max-buffer-size": (("10M", 10 << 20), ("0", "x")),
    "chunk-size": (("1K", 1024), ("1", "x")),
    "max-connections": (("1", 1), ("0", "x")),
    "limit-concurrency": (("1", 1), ("0", "x")),
    "trusted-proxies": (("10.0.0.0/8, ::1,*", ("10.0.0.0/8", "::1", "*")), ("10.0.0.1/8", "proxy", "300.1.1.1")),
    "proxy-protocol": (("auto", "auto"), ("v3", "on")),
    "log-format": (("json", "json"), ("xml",)),
    "log-level": (("debug", "debug"), ("loud", "10")),
    "admin": (("unix:/run/x", ("unix", "/run/x")), ("9000",)),
    "health-path": (("/healthz", "/healthz"), ("healthz", "/a b", "/a?b", "")),
    "server-header": (("x/1", "x/1"), ("", "a\rb", "ä", " x")),
}


def given(option: str, text: str) -> tuple[str, ...]:
    return (f"--{option}={text}",)


@pytest.mark.parametrize("option", list(VALUES))
def test_value(option: str) -> None:
    (text, value), _ = VALUES[option]
    key = option.replace("-", "_")
    assert getattr(read(*given(option, text)), key) == value
    variable = "ASYNCHTTP_" + key.upper()
    assert getattr(read(env={variable: text}), key) == value


@pytest.mark.parametrize(
    ("option", "text"), [(option, text) for option, (_, refused) in VALUES.items() for text in refused]
)
def test_value_out_of_range_names_its_flag_and_its_variable(option: str, text: str) -> None:
    assert refusal(*given(option, text)).startswith(f"--{option}: ")
    variable = "ASYNCHTTP_" + option.replace("-", "_").upper()
    if text:
        assert refusal(env={variable: text}).startswith(f"{variable}: ")


@pytest.mark.parametrize(
    ("option", "bounds"),
    [
        ("max-header-count", "1 to 2147483647"),
        ("max-header-size", "64 octets to 1048575G"),
        ("header-timeout", "0.01 to 1000000000"),
    ],
)
def test_refusal_names_both_bounds(option: str, bounds: str) -> None:
    for text in ("-1", "9" * 20):
        assert refusal(*given(option, text)).endswith(f": {bounds}")


def test_every_option_with_bounds_is_tested() -> None:
    free = {option.name for option in OPTIONS if option.parse.__name__ in ("name", "str", "switch")}
    assert {option.name for option in OPTIONS} - free - VALUES.keys() == {
        "max-requests-jitter",  # needs another
        "ssl-cert-reqs",
        "ssl-sni",
        "ssl-reload",
    }


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_default_is_what_its_text_means(option: Option) -> None:
    """What --print-config shows as a default can be given back."""
    if option.default in (None, ()) or option.is_switch:
        return
    text = _config._default_text(option)
    assert isinstance(text, str)
    assert option.parse(text) == option.default


@pytest.mark.parametrize(
    ("alias", "text", "key", "value"),
    [
        ("processes", "3", "workers", 3),
        ("timeout-graceful-shutdown", "3", "graceful_timeout", 3.0),
        ("timeout-keep-alive", "3", "keep_alive_timeout", 3.0),
        ("forwarded-allow-ips", "*", "trusted_proxies", ("*",)),
    ],
)
def test_names_of_other_servers(alias: str, text: str, key: str, value: object) -> None:
    assert getattr(read(f"--{alias}", text), key) == value


def test_switches() -> None:
    assert (read().xheaders, read().keep_alive) == (False, True)
    assert read("--proxy-headers").xheaders
    assert not read("--no-keep-alive").keep_alive
    for text, value in (("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)):
        assert read(env={"ASYNCHTTP_XHEADERS": text}).xheaders is value
    assert refusal(env={"ASYNCHTTP_XHEADERS": "maybe"}).startswith("ASYNCHTTP_XHEADERS: 'maybe' is neither")


def test_abbreviations_are_refused() -> None:
    assert "unrecognized arguments: --por" in refusal("--por", "1")


# Which one counts


@pytest.fixture
def config(tmp_path: pathlib.Path) -> Any:
    def write(text: str) -> str:
        path = tmp_path / "server.toml"
        path.write_text(text)
        return str(path)

    return write


def test_flag_then_variable_then_file_then_default(config: Any) -> None:
    path = config("port = 1\nworkers = 2\nlog-level = 'error'\nmax_body_size = '1K'\n")
    env = {"ASYNCHTTP_PORT": "3", "ASYNCHTTP_WORKERS": "4", "ASYNCHTTP_CONFIG": path}
    settings = read("--port", "5", env=env)
    assert (settings.port, settings.workers, settings.log_level, settings.backlog) == (5, 4, "error", 2048)
    assert settings.max_body_size == 1024
    assert settings.origin("port") == "--port"
    assert settings.origin("workers") == "ASYNCHTTP_WORKERS"
    assert settings.origin("log_level") == f"{path}: log-level"


def test_shared_variables_count_after_our_own() -> None:
    assert read(env={"WEB_CONCURRENCY": "3"}).workers == 3
    assert read(env={"WEB_CONCURRENCY": "3", "ASYNCHTTP_WORKERS": "2"}).workers == 2
    assert read("--workers", "1", env={"WEB_CONCURRENCY": "3"}).workers == 1
    assert read(env={"FORWARDED_ALLOW_IPS": "10.0.0.0/8"}).trusted_proxies == ("10.0.0.0/8",)
    assert refusal(env={"WEB_CONCURRENCY": "auto"}).startswith("WEB_CONCURRENCY: 'auto'")
    assert refusal(env={"FORWARDED_ALLOW_IPS": "me"}).startswith("FORWARDED_ALLOW_IPS: 'me'")


def test_port_of_the_platform_is_not_taken_by_surprise() -> None:
    assert read(env={"PORT": "80"}).port == 8888


def test_empty_variable_is_none() -> None:
    assert read(env={"ASYNCHTTP_PORT": "", "WEB_CONCURRENCY": ""}).port == 8888


def test_file_of_the_flag_instead_of_the_variable_s(config: Any) -> None:
    path = config("port = 1\n")
    assert read("--config", path, env={"ASYNCHTTP_CONFIG": "/nowhere"}).port == 1


def test_handler_may_stand_anywhere(config: Any) -> None:
    assert read(target="", env={"ASYNCHTTP_TARGET": "a:b"}).module == "a"
    settings = read("--config", config("target = 'c.d:e.f'\n"), target="")
    assert (settings.module, settings.handler) == ("c.d", "e.f")
    assert read("--config", config("target = 'c:d'\n")).module == "app"


def test_repeatable_options(config: Any) -> None:
    both = (("tcp", ("", 80)), ("unix", "/x"))
    assert read("--bind", ":80", "--bind", "unix:/x").bind == both
    assert read(env={"ASYNCHTTP_BIND": ":80,unix:/x"}).bind == both
    assert read("--config", config("bind = [':80', 'unix:/x']\n")).bind == both
    assert read("--config", config("bind = ':80'\n")).bind == both[:1]
    assert read("--bind", "[::1]:0", "--bind", "fd://3").bind == (("tcp", ("::1", 0)), ("fd", 3))


# Sockets are one setting


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (("--bind", ":80", "--port", "1"), ("--bind", "--port")),
        (("--uds", "/x", "--host", "a"), ("--host", "--uds")),
        (("--fd", "3", "--bind", ":80"), ("--bind", "--fd")),
        (("--fd", "3", "--uds", "/x"), ("--uds", "--fd")),
    ],
)
def test_two_sources_of_sockets(flags: tuple[str, ...], names: tuple[str, str]) -> None:
    assert refusal(*flags) == f"two sources of sockets: {names[0]} and {names[1]}"


def test_two_sources_of_sockets_elsewhere(config: Any) -> None:
    env = {"ASYNCHTTP_UDS": "/x", "ASYNCHTTP_PORT": "1"}
    assert refusal(env=env) == "two sources of sockets: ASYNCHTTP_PORT and ASYNCHTTP_UDS"
    path = config("port = 1\nbind = [':80']\n")
    assert refusal("--config", path) == f"two sources of sockets: {path}: bind and {path}: port"


def test_source_of_a_higher_level_replaces_the_others(config: Any) -> None:
    settings = read("--bind", ":80", env={"ASYNCHTTP_PORT": "1", "ASYNCHTTP_HOST": "x"})
    assert not settings.is_given("port")
    path = config("bind = [':80']\n")
    settings = read("--port", "1", "--config", path, env={"ASYNCHTTP_HOST": "x"})
    assert (settings.host, settings.port, settings.bind) == ("x", 1, ())


# The file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 'x'", "port: 'x' is not a port: 0 to 65535"),
        ("port = 99999", "port: '99999' is not a port: 0 to 65535"),
        ("port = true", "port: True is not a string"),
        ("port = [1]", "port: [1] is not a string"),
        ("prot = 1", "prot: no such option; port?"),
        ("xheader = true", "xheader: no such option; xheaders?"),
        ("zzz = 1", "zzz: no such option"),
        ("keep-alive = 'yes'", "keep-alive: 'yes' is neither true nor false"),
        ("umask = 0o27", "umask: 23 is not a string"),
        ("bind = [1]", "bind: [1] is not a list of strings"),
        ("max-body-size = 1\nmax_body_size = 2", "max_body_size: given twice"),
        ("port = ", "Invalid value"),
        ("ssl-sni = 1", "ssl-sni: '1' is not of the form name=certificate:key"),
        ("[ssl-sni]\n'a.b' = {cert = 'x'}", "ssl-sni: {'cert': 'x'} is neither 'certificate:key' nor a table"),
        ("config = 'x'", "config: no such option"),
        ("bind = " + "[" * 20_000 + "]" * 20_000, "recursion"),
        ("port = " + "9" * 6000, "4300 digits"),
        ("port = 0x" + "f" * 6000, "port: a number with thousands of digits"),
        ("bind = [0x" + "f" * 6000 + "]", "bind: a number with thousands of digits"),
        ("port = inf", "port: 'inf' is not a port"),
        ("port = 1979-05-27", "is not a string"),
        ("host.x = 1", "host: {'x': 1} is not a string"),
        ("#" * (1 << 20) + "\n", "more than 1048576 octets"),
    ],
)
def test_mistake_in_the_file_names_file_and_key(config: Any, text: str, message: str) -> None:
    path = config(text)
    line = refusal("--config", path)
    assert line.startswith(f"{path}: ")
    assert message in line


def test_file_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    assert refusal("--config", "/no/such.toml") == "--config: cannot read /no/such.toml: No such file or directory"
    line = refusal(env={"ASYNCHTTP_CONFIG": str(tmp_path)})
    assert line == f"ASYNCHTTP_CONFIG: cannot read {tmp_path}: Is a directory"
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    assert refusal("--config", str(tmp_path / "x.toml")).startswith(f"{tmp_path}/x.toml: ")


def test_kinds_of_values_in_the_file(config: Any) -> None:
    settings = read(
        "--config",
        config(
            "graceful-timeout = 1.5\nmax-requests = 10\numask = '027'\ntrusted-proxies = ['10.0.0.0/8', '::1']\n"
            "ssl-certfile = 'x'\n[ssl-sni]\n'a.test' = 'a.pem:a.key'\n'*.b.test' = {certfile = 'b.pem'}\n"
        ),
    )
    assert (settings.graceful_timeout, settings.max_requests, settings.umask) == (1.5, 10, 0o27)
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.ssl_sni == (("a.test", "a.pem", "a.key"), ("*.b.test", "b.pem", None))


# What doesn't go together


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--ssl-keyfile", "x"), "--ssl-keyfile: needs --ssl-certfile"),
        (("--ssl-sni", "a=b:c"), "--ssl-sni: needs --ssl-certfile"),
        (("--ssl-reload", "1"), "--ssl-reload: needs --ssl-certfile"),
        (("--ssl-cert-reqs", "required"), "--ssl-cert-reqs: needs --ssl-certfile"),
        (("--ssl-certfile", "x", "--ssl-cert-reqs", "2"), "--ssl-cert-reqs: needs --ssl-ca-certs"),
        (("--ssl-certfile", "x", "--ssl-sni", "a"), "--ssl-sni: 'a' is not of the form"),
        (("--ssl-certfile", "x", "--ssl-sni", "a b=x"), "--ssl-sni: 'a b=x' is not of the form"),
        (("--max-requests-jitter", "5"), "--max-requests-jitter: needs --max-requests"),
        (("--reload", "--workers", "2"), "--workers: has no meaning beside --reload"),
        (("--reload", "--max-requests", "2"), "--max-requests: has no meaning beside --reload"),
        (("--reload-dir", "."), "--reload-dir: needs --reload"),
        (("--reload", "--reload-dir", "/no/such"), "--reload-dir: '/no/such' is not a directory"),
        (("--app-dir", "/no/such"), "--app-dir: '/no/such' is not a directory"),
        (("--access-log-file", "x"), "--access-log-file: needs --access-log"),
        (("--log-config", "x.toml", "--access-log-file", "y"), "--access-log-file: has no meaning beside"),
        (("--log-config", "x.toml", "--log-file", "y"), "--log-file: has no meaning beside --log-config"),
    ],
)
def test_what_does_not_go_together(flags: tuple[str, ...], message: str) -> None:
    assert refusal(*flags).startswith(message)


def test_numbers_for_cert_reqs() -> None:
    flags = ("--ssl-certfile", "x", "--ssl-ca-certs", "y", "--ssl-cert-reqs")
    assert [read(*flags, text).ssl_cert_reqs for text in ("0", "1", "2")] == ["none", "optional", "required"]


# Printing


def test_what_is_printed_means_the_same(config: Any) -> None:
    flags = (
        "--bind", ":80", "--bind", "unix:/x \"y\"", "--workers", "0", "--max-body-size", "5M", "--xheaders",
        "--no-keep-alive", "--trusted-proxies", "10.0.0.0/8,*", "--graceful-timeout", "2.5", "--umask", "027",
        "--ssl-certfile", "ü.pem", "--ssl-sni", "a.test=x:y", "--access-log-format", "%(h)s", "--log-level", "debug",
    )  # fmt: skip
    settings = read(*flags)
    again = read("--config", config(dump(settings)), target="")
    for option in OPTIONS:
        assert getattr(again, option.key) == getattr(settings, option.key), option.name
    assert (again.module, again.handler) == ("app", "hello")


def test_origin_stands_behind_each_line(config: Any) -> None:
    path = config("backlog = 7\n")
    text = dump(read("--port", "5", "--config", path, env={"WEB_CONCURRENCY": "3"}))
    lines = dict(re.findall(r"^([\w-]+ = .*?)  # (.*)$", text, re.MULTILINE))
    assert lines["port = 5"] == "--port"
    assert lines["workers = 3"] == "WEB_CONCURRENCY"
    assert lines["backlog = 7"] == f"{path}: backlog"
    assert lines['host = "127.0.0.1"'] == "default"


def test_password_is_not_printed() -> None:
    text = dump(read("--ssl-certfile", "x", env={"ASYNCHTTP_SSL_KEYFILE_PASSWORD": "hunter2"}))
    assert "hunter2" not in text
    assert "ssl-keyfile-password" in text
    tomllib.loads(text)


def test_every_argument_is_one_of_the_server() -> None:
    parameters = inspect.signature(HTTPServer.initialize).parameters
    assert {option.argument for option in OPTIONS if option.argument} <= parameters.keys()
    # and has the server's own default, if the server says one
    for option in OPTIONS:
        if option.argument and option.default is not None and (own := parameters[option.argument].default) is not None:
            assert own == option.default, option.name


def test_every_limit_of_the_server_is_an_option() -> None:
    """What is left out is none, or has another shape here."""
    others = {
        "request_callback",
        "ssl_options",
        "protocol",
        "trusted_downstream",
        "stream_request_body",
        "io_loop",
        "self",
    }
    others |= {"no_keep_alive", "access_log", "observers", "stats"}
    parameters = inspect.signature(HTTPServer.initialize).parameters
    assert parameters.keys() - others == {option.argument for option in OPTIONS if option.argument}


def test_every_flag_has_a_help_of_one_sentence() -> None:
    for option in OPTIONS:
        assert option.help
        assert not option.help.endswith(".")
        assert option.help[0].islower() or option.help[0].isupper()
    assert isinstance(_config._make_parser(), argparse.ArgumentParser)
