"""What the package offers: a table of all public names, and Tornado 6's own list of its interface held against ours.

Tornado ships that list in its wheel, ``tornado/test/api.txt``. Each name in it that belongs to a module of ours must be
there, with its parameters at their places, under their names and with their defaults; ours may have more, if nobody has
to give them. What differs stands in ``EXCEPTIONS`` with the reason, and nothing else may stand there.
"""

import ast
import functools
import importlib
import inspect
import pathlib
import re
import textwrap
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any

import pytest

from tests.support.processes import ROOT

#: Module → ``__all__``. Public is what somebody's program may use: adding to this list is a promise.
PUBLIC = {
    "": "install_as_tornado version version_info",
    "asgi": "ASGIHandler LifespanError TornadoASGI",
    "check": "Use check_paths check_source main",
    "concurrent": """
        DummyExecutor FUTURES Future ReturnValueIgnoredError TracebackFuture chain_future dummy_executor
        future_add_done_callback future_set_exc_info future_set_exception_unless_cancelled
        future_set_result_unless_cancelled is_future return_future run_on_executor
    """,
    "gen": """
        Arguments BadYieldError Callback KeyReuseError LeakedCallbackError Multi MultiYieldPoint Return
        ReturnValueIgnoredError Runner Task TimeoutError UnknownKeyError Wait WaitAll WaitIterator YieldFuture
        YieldPoint convert_yielded coroutine engine is_coroutine_function maybe_future moment multi multi_future sleep
        with_timeout
    """,
    "http1connection": """
        DIGITS Exchange HEXDIGITS HTTP1Connection HTTP1ConnectionParameters HTTP1ServerConnection
        is_transfer_encoding_chunked parse_hex_int parse_int
    """,
    "httpserver": "AccessLog HTTPConnection HTTPRequest HTTPServer Observer Outcome",
    "httputil": """
        BodyTooLargeError ExpectationFailedError HTTPConnection HTTPFile HTTPHeaders HTTPInputError HTTPMessageDelegate
        HTTPOutputError HTTPRequest HTTPResponse HTTPServerConnectionDelegate HTTPServerRequest HTTP_WHITESPACE
        HeadTooLargeError ParseBodyConfig ParseMultipartConfig ParseUrlEncodedConfig RequestStartLine
        RequestTimeoutError ResponseStartLine URITooLongError UnsupportedCodingError UnsupportedVersionError
        encode_username_password format_timestamp parse_body_arguments parse_cookie parse_multipart_form_data
        parse_request_start_line parse_response_start_line qs_to_qsl responses set_parse_body_config
        split_host_and_port url_concat
    """,
    "ioloop": "Configurable IOLoop PeriodicCallback PollIOLoop TimeoutError import_object new_asyncio_loop",
    "iostream": """
        BaseIOStream Consumer IOStream PipeIOStream SSLIOStream StreamBufferFullError StreamClosedError
        UnsatisfiableReadError
    """,
    "log": "access_log app_log gen_log",
    "mount": "Mount",
    "netutil": """
        BlockingResolver DefaultExecutorResolver DefaultLoopResolver ExecutorResolver OverrideResolver Resolver
        ThreadedResolver add_accept_handler bind_sockets bind_unix_socket is_valid_ip set_close_exec
        ssl_options_to_context ssl_wrap_socket
    """,
    "platform": "",
    "platform.asyncio": "AsyncIOLoop AsyncIOMainLoop BaseAsyncIOLoop to_asyncio_future to_tornado_future",
    "process": "CalledProcessError Subprocess cpu_count fork_processes task_id",
    "pytest_plugin": "asynchttp_loop asynchttp_server",
    "run_as_tornado": "main",
    "stack_context": """
        ExceptionStackContext NullContext StackContext StackContextInconsistentError run_with_stack_context wrap
    """,
    "tcpclient": "TCPClient",
    "tcpserver": "TCPServer",
    "util": """
        ArgReplacer Configurable GzipDecompressor ObjectDict TimeoutError basestring_type bytes_type
        errno_from_exception exec_in import_object raise_exc_info re_unescape timedelta_to_seconds unicode_type
    """,
    "wsgi": "WSGIHandler",
}

#: Names that old programs import from where Tornado 2 to 4 had them, without their being public there.
ELSEWHERE = {
    "netutil": "IOLoop IOStream SSLIOStream TCPServer",
    "iostream": "IOLoop",
    "log": "LogFormatter define_logging_options enable_pretty_logging",
}

INNER = "an inner detail, which nobody can use"
DOCTESTS = "a hook of Tornado's own tests"

#: Module → what differs from Tornado 6 → why. ``NAME`` is missing; ``NAME(parameter)`` has another place, name or
#: default, or is missing; ``NAME.*`` stands for whatever differs in a class.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "concurrent": {
        "DummyExecutor.submit(fn)": "positional only, as in concurrent.futures.Executor",
        "DummyExecutor.shutdown(cancel_futures)": "keyword only, as in concurrent.futures.Executor",
    },
    "gen": {"Runner.*": INNER + "; the class is for those who import it"},
    "http1connection": {
        "CR_OR_LF_RE": INNER,
        "HTTP1ConnectionParameters.*": "numbers where Tornado has None for its default; None is taken too",
    },
    "httpserver": {},
    "httputil": {
        "HTTPHeaders.__unicode__": "Python 2's name of __str__",
        "doctests": DOCTESTS,
    },
    "ioloop": {
        "IOLoop.initialize(make_current)": "None: becomes current where there is no loop, as in Tornado 4.1 to 6.2",
    },
    "iostream": {"doctests": DOCTESTS},
    "log": {
        "colorama": INNER,
        "curses": INNER,
    },
    "netutil": {},
    "process": {},
    "tcpclient": {},
    "tcpserver": {},
    "util": {"doctests": DOCTESTS},
}


def ours(module: str) -> Any:
    return importlib.import_module(f"asynchttp.{module}".rstrip("."))


# -- the table ---------------------------------------------------------------------------------------------------------


def test_table_names_every_public_module() -> None:
    found = {path.stem for path in (ROOT / "asynchttp").glob("*.py") if not path.stem.startswith("_")}
    packages = {path.parent.name for path in (ROOT / "asynchttp").glob("[!_]*/__init__.py")}
    inner = {f"{name}.{path.stem}" for name in packages for path in (ROOT / "asynchttp" / name).glob("[!_]*.py")}
    assert found | packages | inner | {""} == PUBLIC.keys()


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_those_of_the_table(module: str) -> None:
    assert sorted(ours(module).__all__) == sorted(PUBLIC[module].split())


@pytest.mark.parametrize("module", ELSEWHERE)
def test_names_are_where_old_programs_look_for_them(module: str) -> None:
    missing = [name for name in ELSEWHERE[module].split() if not hasattr(ours(module), name)]
    assert missing == []


# -- Tornado's list ----------------------------------------------------------------------------------------------------

_ENTRY = re.compile(r"tornado\.(\w+)\.([\w.]+): (\w+)")


@functools.cache
def listed() -> dict[str, list[tuple[str, str]]]:
    """Module → what Tornado lists for it: a name, with a dot for a member, and what that is."""
    tornado = pytest.importorskip("tornado")
    path = pathlib.Path(tornado.__file__).parent / "test" / "api.txt"
    if not path.exists():
        pytest.skip("this Tornado doesn't list its interface: 6.6 does")
    found: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text().splitlines():
        if match := _ENTRY.match(line):
            found.setdefault(match[1], []).append((match[2], match[3]))
    return found


def differences(module: str) -> Iterator[str]:
    """What Tornado lists for ``module`` and we don't have, or have otherwise."""
    theirs = importlib.import_module(f"tornado.{module}")
    missing: set[str] = set()
    for path, kind in listed()[module]:
        owner, _, name = path.rpartition(".")
        if owner in missing:
            continue
        if owner:
            our_class = getattr(ours(module), owner)
            if not (hasattr(our_class, name) or name in instance_attributes(our_class)):
                yield path
                continue
        elif not hasattr(ours(module), path):
            missing.add(path)
            yield path
            continue
        if kind in ("function", "method", "classmethod", "staticmethod"):
            pair = [functools.reduce(getattr, path.split("."), each) for each in (theirs, ours(module))]
            their_parameters, our_parameters = ([*inspect.signature(each).parameters.values()] for each in pair)
            if kind == "method":  # without self
                del their_parameters[0], our_parameters[0]
            yield from (f"{path}({name})" for name in lost_parameters(their_parameters, our_parameters))


def instance_attributes(cls: type) -> set[str]:
    """What instances have that the class hasn't: what is annotated in it, or assigned in its methods."""
    names: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith("asynchttp"):
            continue
        names.update(base.__annotations__)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(base)))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return names


def lost_parameters(theirs: list[Parameter], our: list[Parameter]) -> Iterator[str]:
    """The parameters that a call written for Tornado's function can't give ours in the same way.

    A function of Tornado's that hands ``*args`` on is described by what it hands them to: ours may be explicit.
    """
    kinds = {each.kind for each in our}
    hands_on = Parameter.VAR_POSITIONAL in {each.kind for each in theirs}
    for place, parameter in enumerate(theirs):
        found = next((each for each in our if each.name == parameter.name), None)
        if parameter.name.startswith("_"):
            fits = True
        elif parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            fits = parameter.kind in kinds or any(each.default is not Parameter.empty for each in our)
        elif found is None:
            fits = parameter.kind is Parameter.KEYWORD_ONLY and Parameter.VAR_KEYWORD in kinds
        elif parameter.kind is Parameter.KEYWORD_ONLY:
            fits = found.kind is not Parameter.POSITIONAL_ONLY
        else:
            fits = found.kind is parameter.kind and our.index(found) == place
        if fits and found is not None and parameter.default is not Parameter.empty:
            fits = found.default == parameter.default
        if not fits:
            yield parameter.name
    known = {each.name for each in theirs}
    for extra in our:
        optional = extra.default is not Parameter.empty or extra.kind in (
            Parameter.VAR_POSITIONAL,
            Parameter.VAR_KEYWORD,
        )
        if extra.name not in known and not optional and not hands_on:
            yield extra.name


def is_excepted(difference: str, exceptions: dict[str, str]) -> bool:
    return difference in exceptions or f"{difference.partition('.')[0]}.*" in exceptions


@pytest.mark.parametrize("module", EXCEPTIONS)
def test_tornados_interface_is_there(module: str) -> None:
    lost = [found for found in differences(module) if not is_excepted(found, EXCEPTIONS[module])]
    assert lost == []


@pytest.mark.parametrize("module", EXCEPTIONS)
def test_every_exception_is_one(module: str) -> None:
    found = list(differences(module))
    idle = [
        name
        for name in EXCEPTIONS[module]
        if name not in found and not (name.endswith(".*") and any(f.startswith(name[:-1]) for f in found))
    ]
    assert idle == []


# -- the comparison itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "our", "lost"),
    [
        (lambda a, b=1: None, lambda a, b=1: None, []),
        (lambda a, b=1: None, lambda a, b=1, c=2, *, d=3: None, []),
        (lambda a, b=1: None, lambda a, b=2: None, ["b"]),
        (lambda a, b=1: None, lambda a, b: None, ["b"]),
        (lambda a, b=1: None, lambda a, c=3, b=1: None, ["b"]),
        (lambda a, b=1: None, lambda a, *, b=1: None, ["b"]),
        (lambda a, b=1: None, lambda a, b=1, /: None, ["a", "b"]),
        (lambda a, b=1: None, lambda a, **kwargs: None, ["b"]),
        (lambda a, *, b=1: None, lambda a, **kwargs: None, []),
        (lambda a, *, b=1: None, lambda a, b=1: None, []),
        (lambda a, *args: None, lambda a: None, ["args"]),
        (lambda a, *args: None, lambda a, *args: None, []),
        (lambda *args, **kwargs: None, lambda a, b=1: None, []),
        (lambda a: None, lambda a, b: None, ["b"]),
        (lambda a, *, _b=1: None, lambda a: None, []),
    ],
)
def test_comparison_of_parameters(theirs: Callable[..., Any], our: Callable[..., Any], lost: list[str]) -> None:
    parameters = [list(inspect.signature(each).parameters.values()) for each in (theirs, our)]
    assert list(lost_parameters(*parameters)) == lost


def test_tornados_list_is_read() -> None:
    assert ("IOStream.connect", "method") in listed()["iostream"]
    assert ("IOStream.socket", "attribute") in listed()["iostream"]
    assert ("IOLoop", "class") in listed()["ioloop"]
    assert ("IOLoop.current", "staticmethod") in listed()["ioloop"]
    assert set(EXCEPTIONS) <= set(listed())
