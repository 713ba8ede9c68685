"""The plugin for pytest, as those who installed the distribution have it: pytest in a process of its own."""

import os
import re
import textwrap
import tomllib
from collections.abc import Callable

import pytest

from tests.support.processes import ROOT

Run = Callable[..., pytest.RunResult]

_ENTRY_POINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]


@pytest.fixture
def run(pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a source; the plugin is found by its entry point, whether the checkout is installed or not."""
    installed = tmp_path_factory.mktemp("installed")
    info = installed / "asynchttpd-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: asynchttpd\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in _ENTRY_POINT.items()]
    (info / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), str(ROOT)]))
    monkeypatch.delenv("ASYNCHTTP_LOOP", raising=False)

    def run(source: str, imports: str = _IMPORTS) -> pytest.RunResult:
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
        pytester.makepyfile(imports + textwrap.dedent(source))
        return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", timeout=50)

    return run


_IMPORTS = """
import asyncio, socket, threading, urllib.error, urllib.request
import pytest

def get(url, **options):
    with urllib.request.urlopen(url, timeout=10, **options) as response:
        return response.read()

async def hello(request):
    return b"hello"

def which_loop(request):
    request.respond(type(asyncio.get_running_loop()).__module__.partition(".")[0])
"""


def test_server_in_a_thread(run: Run) -> None:
    result = run("""
    def test_coroutine(asynchttp_server):
        server = asynchttp_server(hello)
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert get(server.url) == b"hello"

    def test_callback_and_several_servers(asynchttp_server):
        one, other = asynchttp_server(lambda request: request.respond(request.path)), asynchttp_server(hello)
        assert one.port != other.port
        assert (get(one.url + "/path"), get(other.url)) == (b"/path", b"hello")

    def test_options_are_the_servers(asynchttp_server):
        server = asynchttp_server(hello, max_body_size=3)
        assert get(server.url, data=b"123") == b"hello"
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(server.url, data=b"1234")
        assert caught.value.code == 413
        caught.value.close()

    def test_stop_ends_what_is_in_progress(asynchttp_server):
        arrived = threading.Event()

        async def never(request):
            arrived.set()
            await asyncio.Event().wait()

        server = asynchttp_server(never)
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            assert arrived.wait(10)
            server.stop()
            assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port))
        server.stop()

    def test_something_that_is_no_handler(asynchttp_server):
        with pytest.raises(TypeError, match="the handler must be callable"):
            asynchttp_server(42)

    def test_nothing_is_left(asynchttp_server):
        asynchttp_server(hello)

    def test_after_it():
        assert [thread.name for thread in threading.enumerate() if "asynchttp" in thread.name] == []
    """)
    result.assert_outcomes(passed=7)


def test_server_in_the_loop_of_the_test(run: Run) -> None:
    result = run("""
    from asynchttp.tcpclient import TCPClient

    async def ask(server):
        stream = await TCPClient().connect(server.host, server.port)
        await stream.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
        head, _, body = (await stream.read_until_close()).partition(b"\\r\\n\\r\\n")
        return body

    @pytest.mark.asyncio
    async def test_handler_and_test_share_a_loop(asynchttp_server):
        called = asyncio.Event()

        async def handler(request):
            called.set()
            return str(id(asyncio.get_running_loop()))

        body = await ask(asynchttp_server(handler))
        assert called.is_set()
        assert body == str(id(asyncio.get_running_loop())).encode()

    @pytest.mark.asyncio
    async def test_stop_can_be_waited_for(asynchttp_server):
        server = asynchttp_server(hello)
        assert await ask(server) == b"hello"
        await server.stop()
        with pytest.raises(OSError):
            await ask(server)

    @pytest.mark.asyncio
    async def test_nobody_comes(asynchttp_server):
        asynchttp_server(hello)

    @pytest.mark.asyncio(loop_scope="module")
    async def test_in_a_loop_that_lives_on(asynchttp_server):
        test_in_a_loop_that_lives_on.server = asynchttp_server(hello)
        assert await ask(test_in_a_loop_that_lives_on.server) == b"hello"

    @pytest.mark.asyncio(loop_scope="module")
    async def test_server_ends_with_its_test():
        with pytest.raises(OSError):
            await ask(test_in_a_loop_that_lives_on.server)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("asynchttp_loop", ["asyncio", "uvloop"])
    async def test_in_a_thread_all_the_same(asynchttp_server):
        server = asynchttp_server(hello)
        assert await asyncio.to_thread(get, server.url) == b"hello"
        await server.stop()
    """)
    result.assert_outcomes(passed=7)


def test_each_loop_by_its_name(run: Run) -> None:
    result = run("""
    @pytest.mark.parametrize("asynchttp_loop", ["asyncio", "uvloop"])
    def test_both(asynchttp_server, asynchttp_loop):
        assert get(asynchttp_server(which_loop).url).decode() == asynchttp_loop

    @pytest.mark.parametrize("asynchttp_loop", ["trio"])
    def test_neither(asynchttp_server):
        with pytest.raises(ValueError, match="'asyncio' or 'uvloop', not 'trio'"):
            asynchttp_server(which_loop)
    """)
    result.assert_outcomes(passed=3)


def test_applications_of_all_kinds(run: Run) -> None:
    result = run("""
    import tornado.web
    from asynchttp import web

    seen = []

    async def asgi(scope, receive, send):
        if scope["type"] == "lifespan":
            for name in ("startup", "shutdown"):
                seen.append((await receive())["type"])
                await send({"type": f"lifespan.{name}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"asgi"})

    def test_asgi(asynchttp_server):
        server = asynchttp_server(asgi)
        assert seen == ["lifespan.startup"]
        assert get(server.url) == b"asgi"
        server.stop()
        assert seen == ["lifespan.startup", "lifespan.shutdown"]
        seen.clear()

    @pytest.mark.asyncio
    async def test_asgi_in_the_loop_of_the_test(asynchttp_server):
        assert await asyncio.to_thread(get, asynchttp_server(asgi).url) == b"asgi"
        assert seen == ["lifespan.startup"]

    def test_asgi_has_shut_down():
        assert seen == ["lifespan.startup", "lifespan.shutdown"]

    def test_asgi_in_a_loop_that_ends_before_the_test(asynchttp_server):
        async def main():
            assert await asyncio.to_thread(get, asynchttp_server(asgi).url) == b"asgi"

        asyncio.run(main())

    def wsgi(environ, start_response):
        start_response("200 OK", [])
        return [b"wsgi"]

    def test_wsgi(asynchttp_server):
        assert get(asynchttp_server(wsgi).url) == b"wsgi"

    @pytest.mark.parametrize("module", [tornado.web, web])
    def test_tornado(asynchttp_server, module):
        class Hello(module.RequestHandler):
            def get(self):
                self.write("tornado")

        assert get(asynchttp_server(module.Application([("/", Hello)])).url) == b"tornado"
    """)
    result.assert_outcomes(passed=7)


def test_application_that_cannot_start(run: Run) -> None:
    result = run("""
    async def broken(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

    def test_in_a_thread(asynchttp_server):
        with pytest.raises(Exception, match="no database"):
            asynchttp_server(broken)

    @pytest.mark.asyncio
    async def test_in_a_loop(asynchttp_server):
        server = asynchttp_server(broken)
        with pytest.raises(OSError):
            await asyncio.to_thread(get, server.url)
    """)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*___ test_in_a_loop ___*", "E *LifespanError: *no database"])


def test_tls(run: Run) -> None:
    result = run("""
    def test_tls(asynchttp_server):
        server = asynchttp_server(lambda request: request.respond(request.protocol), tls=True)
        assert server.url.startswith("https://127.0.0.1:")
        assert get(server.url, context=server.ssl_context) == b"https"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            get(server.url)

    def test_without_trustme(asynchttp_server, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "trustme", None)
        with pytest.raises(ModuleNotFoundError, match="pip install trustme"):
            asynchttp_server(hello, tls=True)
    """)
    result.assert_outcomes(passed=2)


def test_who_does_not_use_it_does_not_pay_for_it(run: Run) -> None:
    result = run("""
    import sys

    def test_nothing_was_imported(pytestconfig):
        assert pytestconfig.pluginmanager.has_plugin("asynchttp")
        assert sorted(name for name in sys.modules if name.startswith("asynchttp")) == [
            "asynchttp", "asynchttp._forward", "asynchttp.pytest_plugin"
        ]
    """)
    result.assert_outcomes(passed=1)


def test_readme_shows_how_to_use_it(run: Run) -> None:
    section = (ROOT / "README.md").read_text().partition("\n## Testing\n")[2].partition("\n## ")[0]
    source = "\n\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    run(source, imports="").assert_outcomes(passed=4)
