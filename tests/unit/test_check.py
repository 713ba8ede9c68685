"""``python -m asynchttp.check``: what is said of each use of Tornado's API."""

import json
import os
import pathlib
import tempfile
import textwrap

import pytest

from asynchttp.check import NOT_SUPPORTED, RENAME, SHIM, WORKS, check_paths, check_source
from tests.support.processes import ROOT, run_python


def said(source: str) -> list[tuple[int, str, str]]:
    return [(use.line, use.status, use.name) for use in check_source(textwrap.dedent(source))]


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("import tornado.web", [(1, RENAME, "tornado.web")]),
        ("import tornado.web as w\nw.Application", [(1, RENAME, "tornado.web"), (2, WORKS, "tornado.web.Application")]),
        ("from tornado import gen as g\ng.Task", [(1, RENAME, "tornado.gen"), (2, SHIM, "tornado.gen.Task")]),
        (
            "from tornado.web import asynchronous\n@asynchronous\ndef f(): pass",
            [(1, RENAME, "tornado.web.asynchronous"), (2, SHIM, "tornado.web.asynchronous")],
        ),
        (
            "import tornado.ioloop\ntornado.ioloop.IOLoop.instance().start()",
            [(1, RENAME, "tornado.ioloop"), (2, WORKS, "tornado.ioloop.IOLoop.instance")],
        ),
        ("from tornado.stack_context import wrap", [(1, RENAME, "tornado.stack_context.wrap")]),
        ("from tornado.netutil import TCPServer", [(1, RENAME, "tornado.netutil.TCPServer")]),
        ("from tornado.log import LogFormatter", [(1, RENAME, "tornado.log.LogFormatter")]),
        ("from tornado.wsgi import WSGIAdapter", [(1, NOT_SUPPORTED, "tornado.wsgi.WSGIAdapter")]),
        ("from tornado.web import NoSuchThing", [(1, NOT_SUPPORTED, "tornado.web.NoSuchThing")]),
        ("from tornado.database import Connection", [(1, NOT_SUPPORTED, "tornado.database.Connection")]),
        ("from tornado.web import *", [(1, RENAME, "tornado.web.*")]),
        ("import tornado\ntornado.version", [(1, RENAME, "tornado"), (2, WORKS, "tornado.version")]),
        (
            "from tornado import iostream\ns.read_until(b'x', callback=f)",
            [(1, RENAME, "tornado.iostream"), (2, SHIM, "callback=")],
        ),
        (
            "from tornado import iostream\niostream.IOStream(s, io_loop=x)",
            [(1, RENAME, "tornado.iostream"), (2, SHIM, "io_loop="), (2, WORKS, "tornado.iostream.IOStream")],
        ),
        (
            "from tornado import ioloop\nloop._timeouts",
            [(1, RENAME, "tornado.ioloop"), (2, NOT_SUPPORTED, "._timeouts")],
        ),
        (
            "import tornado.auth\nself.get_authenticated_user(callback=f)",
            [(1, RENAME, "tornado.auth"), (2, SHIM, "callback=")],
        ),
        # All of a module's names; those that aren't ours are nobody's.
        (
            "from tornado.gen import *\nengine, coroutine, os",
            [(1, RENAME, "tornado.gen.*"), (2, WORKS, "tornado.gen.coroutine"), (2, SHIM, "tornado.gen.engine")],
        ),
        # Attributes of an object, which may be anything.
        (
            "from tornado.options import options\noptions.port",
            [(1, RENAME, "tornado.options.options"), (2, WORKS, "tornado.options.options.port")],
        ),
        # Names that the program puts into a module.
        ("from tornado import options\noptions.mine = 1\noptions.mine.x", [(1, RENAME, "tornado.options")]),
        # Parameters and variables of functions, of the same name as a module.
        (
            "from tornado import web\ndef f(web): web.x\nlambda web: web.x\ndef g():\n  web = 1\n  web.x\nweb.url",
            [(1, RENAME, "tornado.web"), (7, WORKS, "tornado.web.url")],
        ),
        (
            "def f():\n  from tornado import web\n  web.url\n@web.url\ndef g(): web.url",
            [(2, RENAME, "tornado.web"), (3, WORKS, "tornado.web.url")],
        ),
        # What is private to a loop or a stream, and to nobody else.
        ("import tornado\nself._callbacks\nmotor._running\nx._read_buffer", [(1, RENAME, "tornado")]),
        (
            "from tornado.iostream import IOStream\nclass S(IOStream):\n  def f(self): self._read_buffer",
            [
                (1, RENAME, "tornado.iostream.IOStream"),
                (2, WORKS, "tornado.iostream.IOStream"),
                (3, NOT_SUPPORTED, "._read_buffer"),
            ],
        ),
        ("import tornado\nx.IOLoop.current()._callbacks", [(1, RENAME, "tornado"), (2, NOT_SUPPORTED, "._callbacks")]),
        # Nothing of Tornado's.
        ("import tornado_redis, mytornado\nx.read_until(b'x', callback=f)\ny._timeouts", []),
        ("from . import tornado\nfrom .tornado import web", []),
    ],
)
def test_what_is_said(source: str, uses: list[tuple[int, str, str]]) -> None:
    assert said(source) == uses


def test_advice_for_an_import_is_the_new_line() -> None:
    uses = check_source("import tornado.web\nfrom tornado.ioloop import IOLoop as Loop\n")
    assert [use.advice for use in uses] == ["import asynchttp.web", "from asynchttp.ioloop import IOLoop"]


@pytest.mark.parametrize("source", ["print 'x'", "def f(:", "\0", "except E, e:"])
def test_file_that_python_3_cannot_read(source: str) -> None:
    (use,) = check_source(source)
    assert use.status == NOT_SUPPORTED
    assert "2to3" in use.advice


def test_files_are_not_run(tmp_path: pathlib.Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "program.py").write_text(f"import tornado.web\nopen({str(mark)!r}, 'w')\n")
    exit_code, out, err = run_python("-m", "asynchttp.check", str(tmp_path))
    assert (exit_code, err) == (0, "")
    assert out.splitlines()[-1] == "0 works, 0 works by a shim, 1 rename, 0 not supported"
    assert not mark.exists()


def test_report_for_people(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import tornado.web\ntornado.web.Application\ntornado.web.NoSuch\n")
    exit_code, out, err = run_python("-m", "asynchttp.check", str(program))
    assert (exit_code, err) == (1, "")
    assert out.splitlines() == [
        f"{program}:1: rename           tornado.web  →  import asynchttp.web",
        f"{program}:3: not supported    tornado.web.NoSuch: there is no such name in Tornado 6 or here",
        "1 works, 0 works by a shim, 1 rename, 1 not supported",
    ]
    assert (
        f"{program}:2: works            tornado.web.Application"
        in run_python("-m", "asynchttp.check", "--all", str(program))[1].splitlines()
    )


def test_report_for_programs(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.py").write_text("import tornado.ioloop\n")
    (tmp_path / "b.txt").write_text("import tornado.web\n")
    exit_code, out, _ = run_python("-m", "asynchttp.check", "--json", str(tmp_path))
    assert exit_code == 0
    assert json.loads(out) == [
        {
            "path": str(tmp_path / "a.py"),
            "line": 1,
            "name": "tornado.ioloop",
            "status": RENAME,
            "advice": "import asynchttp.ioloop",
        }
    ]


def test_usage_errors() -> None:
    for arguments, says in (([], "PATH"), (["no/such/file.py"], "no such file or directory: no/such/file.py")):
        exit_code, out, err = run_python("-m", "asynchttp.check", *arguments)
        assert (exit_code, out) == (2, "")
        assert says in err


def test_without_tornado_what_is_its_own_needs_the_extra() -> None:
    code = """
import sys
sys.modules["tornado"] = None
from asynchttp.check import check_source
print([use.advice for use in check_source("import tornado.web\\ntornado.web.Application")])
"""
    assert run_python("-c", code)[1] == "['import asynchttp.web', \"with the extra 'tornado'\"]\n"


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "compat" / "programs").glob("*.py")), ids=lambda p: p.stem)
def test_programs_that_run_pass(path: pathlib.Path) -> None:
    """The programs in Tornado's old styles, of which other tests show that they run with our name for Tornado's."""
    uses = check_source(path.read_text().replace("asynchttp", "tornado"))
    assert uses
    assert [use for use in uses if use.status == NOT_SUPPORTED] == []


# -- hostile input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(b"import tornado\n" + b"(" * 10_000, id="parentheses"),
        pytest.param(b"import tornado\nx = " + b"-" * 100_000 + b"1", id="signs"),
        pytest.param(b"import tornado\nx = " + b"+".join([b"1"] * 50_000), id="sum"),
        pytest.param(b"import tornado\nx" + b".a" * 50_000, id="attributes"),
        pytest.param(b"# coding: no-such-coding\n", id="unknown-coding"),
        pytest.param(b"# coding: rot13\n", id="not-a-text-coding"),
        pytest.param(b"x = '\xff'\n", id="not-utf-8"),
        pytest.param(b"\xff\xfe\x00\x01", id="binary"),
        pytest.param(b"x = 1\0", id="nul"),
    ],
)
def test_source_that_nobody_can_read_is_one_use(source: bytes) -> None:
    *_, use = check_source(source)
    assert (use.name, use.status) == ("syntax", NOT_SUPPORTED)


def test_file_in_another_coding() -> None:
    assert check_source("# coding: latin-1\nimport tornado.web  # é".encode("latin-1"))[0].status == RENAME


def test_directories_of_others_are_left_out(tmp_path: pathlib.Path) -> None:
    for directory in (".hidden", "env/lib", "package"):
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "a.py").write_text("import tornado.web\n")
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "package" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "waits.py")
    assert [use.path for use in check_paths([tmp_path])] == [str(tmp_path / "package" / "a.py")]


def test_what_cannot_be_read_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nowhere.py").symlink_to(tmp_path / "missing")
    (tmp_path / "itself.py").symlink_to(tmp_path / "itself.py")
    (tmp_path / "huge.py").write_bytes(b"#" * (9 << 20))
    (tmp_path / "z.py").write_text("import tornado.web\n")
    uses = list(check_paths([tmp_path]))
    assert [(pathlib.Path(use.path).name, use.status) for use in uses] == [
        ("huge.py", NOT_SUPPORTED),
        ("itself.py", NOT_SUPPORTED),
        ("nowhere.py", NOT_SUPPORTED),
        ("z.py", RENAME),
    ]
    assert [use.advice for use in uses[:3]] == [
        "can't be read: larger than 8 MiB",
        "can't be read: Too many levels of symbolic links",
        "can't be read: No such file or directory",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_directory_without_permission_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        top.chmod(0o755)
        for closed in (top / "closed", top / "open"):
            closed.mkdir()
            (closed / "a.py").write_text("import tornado.web\n")
        (top / "open" / "b.py").touch(0o000)
        (top / "closed").chmod(0o000)
        list(check_paths([top]))  # imports what it needs
        os.seteuid(65534)
        try:
            uses = list(check_paths([top]))
        finally:
            os.seteuid(0)
        assert [(os.path.relpath(use.path, name), use.advice) for use in uses] == [
            ("open/a.py", "import asynchttp.web"),
            ("open/b.py", "can't be read: Permission denied"),
            ("closed", "can't be read: Permission denied"),
        ]


def test_name_of_a_file_that_is_no_text(tmp_path: pathlib.Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.py", "w") as file:
        file.write("import tornado.web\n")
    exit_code, out, err = run_python("-m", "asynchttp.check", str(tmp_path))
    assert (exit_code, err) == (0, "")
    assert "\\udcff.py:1: rename" in out
