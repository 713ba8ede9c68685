"""Packages from PyPI that import Tornado: on our modules under Tornado's name, and on Tornado itself in our server.

The programs stand in ``packages/``. *aliased*: under ``python -m asynchttp.run_as_tornado``, so that all that the
package imports is ours. *mixed*: the package has Tornado's own modules, and only server and loop are ours.
"""

import asyncio
import base64
import contextlib
import pathlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import aiohttp
import pytest
import pytest_asyncio

from tests.support.ports import free_port
from tests.support.processes import Process, start

# The loop under test is the one of the other process; the client's doesn't matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

PACKAGES = pathlib.Path(__file__).parent / "packages"

#: Of the shell.
PROMPT = "ready> "

Serve = Callable[[str], AbstractContextManager[tuple[Process, str]]]


@pytest.fixture(params=["aliased", "mixed"])
def serve(request: pytest.FixtureRequest, loop_name: str) -> Serve:
    """Run a program with its server; what isn't a warning or worse is its own affair."""
    aliased = request.param == "aliased"

    @contextlib.contextmanager
    def serve(name: str) -> Iterator[tuple[Process, str]]:
        port = free_port()
        runner = ["-m", "asynchttp.run_as_tornado"] if aliased else []
        package = "tornado" if aliased else "asynchttp"
        command = [sys.executable, *runner, str(PACKAGES / f"{name}.py"), str(port), package]
        with start(command, env={"ASYNCHTTP_LOOP": loop_name, "PS1": PROMPT}) as process:
            assert process.wait_for_port() == port
            yield process, f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGINT)
            process.wait()
            assert "ERROR" not in process.stderr
            assert process.stderr.count("Traceback") <= 1  # that of the KeyboardInterrupt
            assert process.stderr.endswith("KeyboardInterrupt\n"), process.stderr

    return serve


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


async def test_sockjs_by_polling(serve: Serve, http: aiohttp.ClientSession) -> None:
    pytest.importorskip("sockjs.tornado")
    with serve("sockjs_chat") as (process, url):

        async def post(path: str, body: str = "") -> tuple[int, str]:
            async with http.post(f"{url}/room/000/one/{path}", data=body) as response:
                return response.status, await response.text()

        async with http.get(f"{url}/room/info") as response:
            assert (await response.json(content_type=None))["websocket"] is True
        assert await post("xhr") == (200, "o\n")
        assert await post("xhr") == (200, 'a["welcome from 127.0.0.1"]\n')
        waiting = asyncio.ensure_future(post("xhr"))
        assert await post("xhr_send", '["hello"]') == (204, "")
        assert await waiting == (200, 'a["hello"]\n')
        assert await post("xhr_send", '["go"]') == (204, "")
        assert await post("xhr") == (200, 'c[3000,"Go away!"]\n')
        await asyncio.to_thread(process.wait_for_line, "gone, 0 left")


@pytest.mark.parametrize("transport", ["xhr_streaming", "eventsource"])
async def test_sockjs_by_streaming(serve: Serve, http: aiohttp.ClientSession, transport: str) -> None:
    pytest.importorskip("sockjs.tornado")
    with serve("sockjs_chat") as (process, url):
        session = f"{url}/room/000/{transport}"
        method = "GET" if transport == "eventsource" else "POST"
        async with http.request(method, f"{session}/{transport}") as response:
            seen = ""

            async def read_until(text: str) -> None:
                nonlocal seen
                while text not in seen:
                    piece = await response.content.readany()
                    assert piece, seen
                    seen += piece.decode()

            await read_until('a["welcome from 127.0.0.1"]')
            async with http.post(f"{session}/xhr_send", data='["one"]') as sent:
                assert sent.status == 204
            await read_until('a["one"]')
            response.close()
        await asyncio.to_thread(process.wait_for_line, "gone, 0 left")


async def test_sockjs_by_websocket(serve: Serve, http: aiohttp.ClientSession) -> None:
    pytest.importorskip("sockjs.tornado")
    with serve("sockjs_chat") as (process, url):
        async with http.ws_connect(f"{url}/room/000/ws/websocket") as ws:
            assert await ws.receive_str() == "o"
            assert await ws.receive_str() == 'a["welcome from 127.0.0.1"]'
            await ws.send_str('["to all"]')
            assert await ws.receive_str() == 'a["to all"]'
            await ws.send_str('["go"]')
            assert (await ws.receive()).data == 'c[3000,"Go away!"]'
        await asyncio.to_thread(process.wait_for_line, "gone, 0 left")


async def test_terminado(serve: Serve, http: aiohttp.ClientSession) -> None:
    pytest.importorskip("terminado")
    with serve("terminal") as (_, url):
        async with asyncio.timeout(20), http.ws_connect(f"{url}/terminal") as ws:
            assert await ws.receive_json() == ["setup", {}]
            seen = ""

            async def read_until(text: str) -> None:
                nonlocal seen
                while text not in seen:
                    kind, more = await ws.receive_json()
                    assert kind == "stdout"
                    seen += more

            await read_until(PROMPT)  # a shell that isn't ready yet drops what is typed
            await ws.send_json(["stdin", "echo $((6 * 7))\r"])
            await read_until(f"\n42\r\n{PROMPT}")
            await ws.send_json(["stdin", "exit\r"])
            messages = [message.data async for message in ws]
            assert messages[-1] == '["disconnect", 1]'


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"user:{password}".encode()).decode()}


async def test_http_auth(serve: Serve, http: aiohttp.ClientSession) -> None:
    pytest.importorskip("tornado_http_auth")
    with serve("http_auth") as (_, url):
        for path in ("basic", "digest"):
            async with http.get(f"{url}/{path}") as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"].lower().startswith(path)
        async with http.get(f"{url}/basic", headers=basic("secret")) as response:
            assert (response.status, await response.text()) == (200, "Hello user")
        async with http.get(f"{url}/basic", headers=basic("guess")) as response:
            assert response.status == 401
        digest = aiohttp.DigestAuthMiddleware("user", "secret")
        async with http.get(f"{url}/digest", middlewares=(digest,)) as response:
            assert (response.status, await response.text()) == (200, "Hello user")
