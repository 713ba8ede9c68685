"""The package without its quarantine: ``_legacy/`` can be deleted, with the lines that name it, and what is left works.

The rule, which a script can follow and so can a person:

1. ``asynchttp/_legacy/`` goes, and each ``from asynchttp._legacy… import …`` statement.
2. So do the lines that use a name which came from there: a decorator, a simple statement of its own, or the name's line
   in ``__all__``. A statement that can't go alone (an import of other things as well, the head of a block, a value that
   somebody needs) breaks the rule: the core would have grown a branch for old habits.
3. A module that has nothing left but its docstring, imports and ``__all__`` was there for the old names only, as
   ``stack_context`` is: it goes too, and with it, by 1 and 2, what names it.
"""

import ast
import importlib.util
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.processes import ROOT, run_python


class Remover:
    """Deletes lines of one module that name what is gone."""

    def __init__(self, source: str, gone: set[str]) -> None:
        #: modules that are gone, with ``asynchttp.`` in front
        self.gone = gone
        self.tree = ast.parse(source)
        self.lines = source.splitlines()
        #: names that stand for something that is gone
        self.names: set[str] = set()
        self.doomed: set[int] = set()
        #: what can't be deleted alone
        self.breaches: list[str] = []

    def _is_gone(self, module: str) -> bool:
        return any(module == each or module.startswith(each + ".") for each in self.gone)

    def _doom(self, node: ast.AST) -> None:
        numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)  # type: ignore[attr-defined]
        self.doomed.update(numbers)

    def _breach(self, node: ast.AST) -> None:
        number: int = node.lineno  # type: ignore[attr-defined]
        self.breaches.append(f"line {number}: {self.lines[number - 1].strip()}")

    def _visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        lost = [alias for alias in node.names if self._is_gone(base + alias.name)]
        if not lost:
            return
        if len(lost) < len(node.names):
            self._breach(node)
        self.names.update(alias.asname or alias.name for alias in lost)
        self._doom(node)

    def _uses_lost_name(self, node: ast.AST) -> bool:
        return any(isinstance(each, ast.Name) and each.id in self.names for each in ast.walk(node))

    def _visit_block(self, body: list[ast.stmt]) -> None:
        left = len(body)
        for node in body:
            for decorator in getattr(node, "decorator_list", []):
                if self._uses_lost_name(decorator):
                    self._doom(decorator)
            inner = [block for field in ("body", "orelse", "finalbody") if (block := getattr(node, field, []))]
            inner += [each.body for each in (*getattr(node, "handlers", []), *getattr(node, "cases", []))]
            if inner:
                for block in inner:
                    self._visit_block(block)
            elif self._uses_lost_name(node):
                self._doom(node)
                left -= 1
                if not left or isinstance(node, ast.Return | ast.Raise):
                    self._breach(node)

    def _visit_all(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            for element in ast.walk(node.value):
                if isinstance(element, ast.Constant) and element.value in self.names:
                    if self.lines[element.lineno - 1].strip().rstrip(",") == f'"{element.value}"':
                        self._doom(element)
                    else:
                        self._breach(element)

    def remaining(self) -> str:
        """The source without the lines that have to go."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._visit_import(node)
        self._visit_block(self.tree.body)
        for statement in self.tree.body:
            self._visit_all(statement)
        kept = [line for number, line in enumerate(self.lines, 1) if number not in self.doomed]
        return "".join(line + "\n" for line in kept)


def has_substance(source: str) -> bool:
    """Whether a module is more than docstring, imports and ``__all__``."""
    for node in ast.parse(source).body:
        names_only = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, ast.Import | ast.ImportFrom) or names_only or docstring):
            return True
    return False


def remove_legacy(package: pathlib.Path) -> list[str]:
    """Apply the rule to a copy of the package; return where the rule is broken."""
    shutil.rmtree(package / "_legacy")
    gone = {"asynchttp._legacy"}
    breaches = []
    last: set[str] = set()
    while gone != last:
        last = set(gone)
        for path in sorted(package.rglob("*.py")):
            module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            source = path.read_text()
            remover = Remover(source, gone)
            remaining = remover.remaining()
            breaches += [f"{module}, {breach}" for breach in remover.breaches]
            if remaining == source:
                continue
            if has_substance(remaining):
                path.write_text(remaining)
            else:
                path.unlink()
                gone.add(module)
    return breaches


@pytest.fixture(scope="module")
def stripped(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, list[str]]:
    """The directory that holds what is left of the package, and where the rule is broken."""
    directory = tmp_path_factory.mktemp("without_legacy")
    package = directory / "asynchttp"
    shutil.copytree(ROOT / "asynchttp", package, ignore=shutil.ignore_patterns("__pycache__"))
    return directory, remove_legacy(package)


def modules(directory: pathlib.Path) -> Iterator[str]:
    for path in sorted(directory.rglob("*.py")):
        parts = path.relative_to(directory).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__")


def run(directory: pathlib.Path, code: str, loop_name: str = "asyncio") -> str:
    environment = {"PYTHONPATH": str(directory), "ASYNCHTTP_LOOP": loop_name}
    exit_code, out, err = run_python("-c", code, env=environment, cwd=directory)
    assert (exit_code, err) == (0, "")
    return out


# -- what is left ------------------------------------------------------------------------------------------------------


def test_lines_that_name_legacy_can_go_alone(stripped: tuple[pathlib.Path, list[str]]) -> None:
    assert stripped[1] == []


def test_stack_context_goes_and_nothing_else_does(stripped: tuple[pathlib.Path, list[str]]) -> None:
    before, after = set(modules(ROOT / "asynchttp")), set(modules(stripped[0] / "asynchttp"))
    assert {name for name in before - after if not name.startswith("_legacy")} == {"stack_context"}


def test_no_name_is_left_without_meaning(stripped: tuple[pathlib.Path, list[str]]) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821,F822"]
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff isn't installed")
    done = subprocess.run([*ruff, "--output-format", "concise", "."], cwd=stripped[0], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_can_be_imported(stripped: tuple[pathlib.Path, list[str]]) -> None:
    names = list(modules(stripped[0]))
    code = f"""
import importlib
for name in {names!r}:
    module = importlib.import_module(name)
    assert all(hasattr(module, public) for public in getattr(module, "__all__", [])), name
    assert module.__file__.startswith({str(stripped[0])!r}), module.__file__
print(len({names!r}))
"""
    assert int(run(stripped[0], code)) == len(names) > 20


def test_old_habits_are_gone(stripped: tuple[pathlib.Path, list[str]]) -> None:
    code = """
import socket
from asynchttp import gen, iostream
from asynchttp.ioloop import IOLoop
print(hasattr(gen, "coroutine"), hasattr(gen, "engine"), hasattr(gen, "Task"))
one, other = socket.socketpair()
stream = iostream.IOStream(one)
try:
    stream.read_until(b"x", callback=print)
except TypeError as error:
    print(error)
stream.close()
other.close()
IOLoop.current().close()
"""
    present, error = run(stripped[0], code).splitlines()
    assert present == "True False False"
    assert error.endswith("read_until() got an unexpected keyword argument 'callback'")


AWAIT_ONLY = """
import asyncio
import sys

from asynchttp import gen, httpserver, httputil, iostream, netutil, process, tcpclient, tcpserver
from asynchttp.ioloop import IOLoop, PeriodicCallback


class Echo(tcpserver.TCPServer):
    async def handle_stream(self, stream, address):
        closed = asyncio.Event()
        stream.set_close_callback(closed.set)
        try:
            while True:
                await stream.write(await stream.read_until(b"\\n"))
        except iostream.StreamClosedError:
            await closed.wait()
            print("echo: closed")
            over.set()


async def handle(request):
    await gen.sleep(0.001)
    if request.path == "/respond":
        request.respond(request.body.upper(), headers={"X-Method": request.method})
    elif request.path == "/write":
        await request.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nraw")
        request.finish()
    else:
        start_line = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
        await request.connection.write_headers(start_line, httputil.HTTPHeaders({"Content-Length": "5"}), b"whole")
        request.connection.finish()


def serve(server):
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    return sockets[0].getsockname()[1]


async def ask(port, path, body=b""):
    stream = await tcpclient.TCPClient().connect("localhost", port, timeout=10)
    head = b"POST %b HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"
    await stream.write(head % (path, len(body)) + body)
    answer = await stream.read_until_close()
    return answer.rpartition(b"\\r\\n\\r\\n")[2].decode()


async def main():
    global over
    over = asyncio.Event()
    loop = IOLoop.current()

    stream = await tcpclient.TCPClient().connect("127.0.0.1", serve(Echo()))
    for size in (1, 100_000):
        line = b"x" * size + b"\\n"
        await stream.write(line)
        assert await stream.read_until_regex(b"\\n") == line
    stream.close()
    await over.wait()

    port = serve(httpserver.HTTPServer(handle))
    print("http:", await asyncio.gather(ask(port, b"/respond", b"body"), ask(port, b"/write"), ask(port, b"/headers")))

    beat = asyncio.Event()
    heart = PeriodicCallback(beat.set, 1)
    heart.start()
    await beat.wait()
    heart.stop()
    called = asyncio.Event()
    loop.add_callback_from_signal(called.set)
    await called.wait()
    loop.add_callback(called.clear)
    loop.spawn_callback(over.clear)
    await loop.run_in_executor(None, int, "1")
    print("several:", await gen.multi({"one": gen.sleep(0), "two": loop.run_in_executor(None, int, "2")}))
    print("resolver:", (await netutil.Resolver().resolve("127.0.0.1", 80))[0][1])

    child = process.Subprocess([sys.executable, "-c", "print('child')"], stdout=process.Subprocess.STREAM)
    exited = loop.asyncio_loop.create_future()
    child.set_exit_callback(exited.set_result)
    text = (await child.stdout.read_until_close()).decode().strip()
    print("subprocess:", text, await child.wait_for_exit(), await exited)
    child.stdout.close()
    return "result"


loop = IOLoop.current()
print("run_sync:", loop.run_sync(main, timeout=20))
"""


def test_await_only_program_works(stripped: tuple[pathlib.Path, list[str]], loop_name: str) -> None:
    program = stripped[0] / "await_only.py"
    program.write_text(AWAIT_ONLY)
    try:
        environment = {"PYTHONPATH": str(stripped[0]), "ASYNCHTTP_LOOP": loop_name}
        exit_code, out, err = run_python(str(program), env=environment, cwd=stripped[0])
    finally:
        program.unlink()
    assert (exit_code, err) == (0, "")
    assert out.splitlines() == [
        "echo: closed",
        "http: ['BODY', 'raw', 'whole']",
        "several: {'one': None, 'two': 2}",
        "resolver: ('127.0.0.1', 80)",
        "subprocess: child 0 0",
        "run_sync: result",
    ]


# -- the rule itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "remaining", "breaches"),
    [
        ("from asynchttp._legacy.a import x\ny = 1\n", "y = 1\n", 0),
        ("from asynchttp._legacy.a import (\n    x,\n    z,\n)\ny = 1\n", "y = 1\n", 0),
        ("from asynchttp._legacy.a import x\n@x(\n    1,\n)\n@z\ndef f(): pass\n", "@z\ndef f(): pass\n", 0),
        ("from asynchttp._legacy.a import x\ndef f(y):\n    y = x(y)\n    g(y)\n", "def f(y):\n    g(y)\n", 0),
        (
            "from asynchttp._legacy.a import x\ny = 1\n__all__ = [\n    'y',\n    \"x\",\n]\n",
            "y = 1\n__all__ = [\n    'y',\n]\n",
            0,
        ),
        ("from asynchttp._legacy.a import x\ny = 1\n__all__ = ['x', 'y']\n", "y = 1\n__all__ = ['x', 'y']\n", 1),
        ("from asynchttp import _legacy, log\n", "", 1),
        ("from asynchttp._legacy.a import x\ndef f(y):\n    return x(y)\n", "def f(y):\n", 1),
        ("from asynchttp.log import x\nx()\n", "from asynchttp.log import x\nx()\n", 0),
    ],
)
def test_rule(source: str, remaining: str, breaches: int) -> None:
    remover = Remover(source, {"asynchttp._legacy"})
    assert remover.remaining() == remaining
    assert len(remover.breaches) >= breaches
    assert bool(remover.breaches) == bool(breaches)
