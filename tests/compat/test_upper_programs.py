"""Programs of Tornado 2 to 4 that use its upper modules, in both ways of running them here.

Renamed: the word ``tornado`` replaced by ``asynchttp``, nothing else. Untouched: under
``python -m asynchttp.run_as_tornado``. Tornado 6 itself runs none of them any more.
"""

import asyncio
import dataclasses
import pathlib
import re
import signal
import sys
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.compat.test_programs import PROGRAMS, Programs, ended_well
from tests.support.ports import free_port
from tests.support.processes import Process, start
from tests.support.rawclient import RawClient

# The loop under test is the one of the other process; the client's doesn't matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

# What these programs wait for is short; a client that waits longer has failed.
TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclasses.dataclass
class Untouched(Programs):
    """Runs programs as they are, with our modules under Tornado's name."""

    def start(self, name: str, *arguments: object) -> Process:
        return start(
            [
                *(sys.executable, "-W", "error::DeprecationWarning", "-m", "asynchttp.run_as_tornado"),
                str(PROGRAMS / f"{name}.py"),
                *map(str, arguments),
            ],
            cwd=self.directory,
            env={"ASYNCHTTP_LOOP": self.loop_name},
        )


@pytest.fixture(params=["renamed", "untouched"])
def programs(request: pytest.FixtureRequest, tmp_path: pathlib.Path, loop_name: str) -> Programs:
    kind = Programs if request.param == "renamed" else Untouched
    return kind(tmp_path, "asynchttp", loop_name)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def get(http: aiohttp.ClientSession, url: str, **kwargs: Any) -> tuple[int, str]:
    async with http.get(url, **kwargs) as response:
        return response.status, await response.text()


def options_server(programs: Programs, name: str, *arguments: str) -> Iterator[tuple[Process, str]]:
    """Run a program that takes its port as an option."""
    port = free_port()
    with programs.start(name, f"--port={port}", "--logging=none", *arguments) as process:
        assert process.wait_for_port() == port
        yield process, f"http://127.0.0.1:{port}"


async def test_asynchronous_2(programs: Programs, http: aiohttp.ClientSession) -> None:
    for process, url in options_server(programs, "asynchronous_2", "--greeting=hi"):
        assert await get(http, url) == (200, "hi")
        assert await get(http, f"{url}/proxy/") == (200, "got 2 octets")
        assert await get(http, f"{url}/proxy/missing") == (502, "upstream said 404: HTTP 404: Not Found")
        assert await get(http, f"{url}/positional") == (200, "HI")
        assert await get(http, f"{url}/engine") == (200, "200 404 hi")
        for how, status, error in (
            ("now", 500, "KeyError"),
            ("callback", 500, "ValueError"),
            ("timeout", 500, "ValueError"),
            ("fetch", 500, "HTTPClientError"),
            ("forbidden", 403, "HTTPError"),
        ):
            assert await get(http, f"{url}/fail/{how}") == (status, f"oops {status} {error}")
        assert await get(http, f"{url}/fail_engine") == (500, "oops 500 RuntimeError")
        assert await get(http, f"{url}/quit") == (200, "bye")
        assert process.wait() == 0
        assert process.stdout.endswith("stopped\n")


async def test_longpoll_2(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("longpoll_2", end=signal.SIGINT, exit_code=0, stderr=r"(?s).*") as (process, port):
        url = f"http://127.0.0.1:{port}"
        async with http.get(url, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, "/login?next=%2F")
        status, page = await get(http, f"{url}/login", params={"name": "<you>"})
        assert status == 200
        assert "<title>&lt;you&gt;</title>" in page
        [static] = re.findall(r'href="(/static/a.css\?v=\w+)"', page)
        assert await get(http, url + static) == (200, "p { margin: 0 }\n")
        [xsrf] = re.findall(r'name="_xsrf" value="([^"]+)"', page)

        async def post(path: str, **fields: str) -> tuple[int, Any]:
            async with http.post(f"{url}/a/message/{path}", data=fields) as response:
                return response.status, await response.json(content_type=None) if response.ok else None

        assert await post("new", body="no token") == (403, None)
        waiting = asyncio.ensure_future(post("updates", _xsrf=xsrf))
        await asyncio.to_thread(process.wait_for_line, "waiting for answer 1")
        status, message = await post("new", body="a <b>", _xsrf=xsrf)
        assert (status, message["from"]) == (200, "<you>")
        assert await waiting == (200, {"messages": [message]})
        _, second = await post("new", body="second", _xsrf=xsrf)
        assert await post("updates", cursor=message["id"], _xsrf=xsrf) == (200, {"messages": [second]})
        assert "<p>a &lt;b&gt;</p>" in (await get(http, url))[1]

        abandoned = asyncio.ensure_future(post("updates", cursor=second["id"], _xsrf=xsrf))
        await asyncio.to_thread(process.wait_for_line, "waiting for answer 3")
        abandoned.cancel()
        await asyncio.to_thread(process.wait_for_line, "gone, 0 still wait")
        assert await get(http, f"{url}/logout") == (200, "You are now logged out")
        async with http.get(url, allow_redirects=False) as response:
            assert response.status == 302


async def test_websocket_2(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("websocket_2", stderr=r"(?s).*ValueError: told to fail\n") as (process, port):
        url = f"http://127.0.0.1:{port}"
        async with http.ws_connect(f"{url}/chat/one", origin="http://elsewhere") as one:
            assert await one.receive_json() == {"came": "one"}
            async with http.ws_connect(f"{url}/chat/two") as two:
                assert await one.receive_json() == await two.receive_json() == {"came": "two"}
                await two.send_json({"body": "see http://example.com/ & go"})
                link = 'see <a href="http://example.com/">http://example.com/</a> &amp; go'
                assert await one.receive_json() == await two.receive_json() == {"from": "two", "body": link}
                assert await get(http, url) == (200, "2")
                await two.send_json({"fail": True})
                assert (await two.receive()).type is aiohttp.WSMsgType.CLOSED
            assert await one.receive_json() == {"left": "two"}
            await one.send_json({"leave": True})
            assert (await one.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await asyncio.to_thread(process.wait_for_line, "left: one")
        assert await get(http, url) == (200, "0")


async def test_websocket_client_4(programs: Programs) -> None:
    told = await programs.arun("websocket_client_4", stderr=r"(?s)(.*404.*)?")
    lines = told.splitlines()
    # When the server sees the end is another matter.
    assert sorted(line for line in lines if "closed" in line) == ["closed: 1000 enough", *["closed: None None"] * 2]
    messages = [line for line in lines if "closed" not in line]
    assert messages == ["by callback", "b'by yield'", "by on_message_callback", "error 404"]


async def test_periodic_signal_3(programs: Programs, http: aiohttp.ClientSession) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        for process, url in options_server(programs, "periodic_signal_3"):
            slow = asyncio.ensure_future(get(http, f"{url}/slow"))
            await asyncio.to_thread(process.wait_for_line, "slow request")
            process.send_signal(number)
            await asyncio.to_thread(process.wait_for_line, "closing")
            with pytest.raises(aiohttp.ClientConnectionError):
                await get(http, f"{url}/slow")
            assert await slow == (200, "slow")
            ended_well(process, 0)
            assert process.stdout.endswith("exit\n")


async def test_worker_thread_3(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("worker_thread_3", stderr=r"(?s).*") as (_, port):
        url = f"http://127.0.0.1:{port}"
        answers = await asyncio.gather(*(get(http, f"{url}/work/{word}") for word in ("a", "b", "c", "d")))
        assert answers == [(200, f"done: {word}") for word in ("a", "b", "c", "d")]
        assert await get(http, f"{url}/thread") == (200, "on MainThread")


async def test_removed_3(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("removed_3") as (process, port):
        url = f"http://127.0.0.1:{port}"
        assert await get(http, f"{url}/") == (200, "turned 41 HTTP/1.1: True")
        assert await get(http, f"{url}/fail") == (200, "failures: 1")
        assert await get(http, f"{url}/child") == (200, "not passed on: True")
        async with await RawClient.connect(port) as client:
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await client.read_response()).body == b"turned 41 HTTP/1.1: False"
    told = process.stdout.splitlines()
    assert told[:2] == ["initialized: False", "initialized: True, running: False"]
    assert told[3:] == ["callback failed: ZeroDivisionError"]


async def test_connection_2(programs: Programs) -> None:
    with programs.server("connection_2") as (process, port):
        async with await RawClient.connect(port) as one, await RawClient.connect(port) as other:
            request = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Real-Ip: 192.0.2.7\r\n\r\n"
            for _ in range(2):
                assert (await one.request(request)).body.startswith(b"192.0.2.7 by connection ")
            assert (await other.request(request)).body.endswith(b" of 2\n")
            async with await RawClient.connect(port) as third:
                assert await third.read_to_end() == b"HTTP/1.0 503 Service Unavailable\r\n\r\nfull\n"
        process.wait_for_line("closed: 127.0.0.1, 0 left")


async def test_resolver_3(programs: Programs) -> None:
    told = await programs.arun("resolver_3")
    assert told.splitlines() == [
        "by callback: 127.0.0.1 80",
        "by Task: 127.0.0.2 443",
        "by future: 127.0.0.3 8080",
        "both: 127.0.0.4 8080, 127.0.0.5 8080",
    ]


async def test_policy_5(programs: Programs) -> None:
    assert await programs.arun("policy_5") == "hello from server\n"


async def test_server_thread_4(programs: Programs) -> None:
    told = await programs.arun("server_thread_4", stderr=r"(?s)(.*404.*)?")
    assert told.splitlines() == ["hello from server", "201 cba", "404 Not Found", "alive: False"]


async def test_flush_2(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("flush_2") as (process, port):
        url = f"http://127.0.0.1:{port}"
        status, text = await get(http, f"{url}/numbers/20")
        assert status == 200
        assert [line.split()[0] for line in text.splitlines()] == [*map(str, range(20, 0, -1)), "end"]
        async with http.get(f"{url}/ticker") as response:
            assert [await response.content.readline() for _ in range(3)] == [b"data: 1\n", b"\n", b"data: 2\n"]
            await asyncio.to_thread(process.wait_for_line, "first is out")
            response.close()
        await asyncio.to_thread(process.wait_for_line, "ticker stopped")
        async with await RawClient.connect(port) as client:
            await client.send(b"GET /waiting HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.to_thread(process.wait_for_line, "waiting")
            client.abort()
        await asyncio.to_thread(process.wait_for_line, "closed: True")


async def test_contexts_web_2(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("contexts_web_2", stderr=r"(?s).*ValueError: in the background\n.*") as (_, port):
        url = f"http://127.0.0.1:{port}"
        names = [f"name{number}" for number in range(5)]
        answers = await asyncio.gather(*(get(http, f"{url}/name/{name}") for name in names))
        assert answers == [(200, f"{name} inner: None") for name in names]
        assert await get(http, f"{url}/handled") == (409, "handled: inside")
        assert await get(http, f"{url}/background") == (200, "not disturbed")


async def test_testcase_3(programs: Programs) -> None:
    with programs.start("testcase_3") as process:
        assert process.wait() == 0, process.stderr
        assert "Ran 10 tests" in process.stderr
        assert "OK" in process.stderr


async def test_wsgi_2(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("wsgi_2", stderr=r"(?s).*KeyError: 'broken'\n.*") as (_, port):
        url = f"http://127.0.0.1:{port}"
        async with http.post(f"{url}/old?a=1", data=b"body") as response:
            assert (response.status, await response.text()) == (200, "POST /old?a=1 body")
            assert response.headers["X-Legacy"] == "yes"
        assert await get(http, f"{url}/new/") == (200, "new")
        assert await get(http, f"{url}/away") == (200, "new")
        assert (await get(http, f"{url}/broken"))[0] == 500
        assert await get(http, f"{url}/new") == (200, "new")


async def test_gather_4(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("gather_4", stderr=r"(?s).*no such item: 13\n.*") as (_, port):
        url = f"http://127.0.0.1:{port}"
        status, text = await get(http, f"{url}/gather")
        assert (status, text) == (200, '{"codes": [200, 200, 200, 200, 200], "late": true}\n404 404')
        assert await get(http, f"{url}/stream") == (200, "ONE TWO THREE")
        async with http.put(f"{url}/upload", data=b"x" * 100_000) as response:
            assert await response.text() == "100000 octets"
        assert await get(http, f"{url}/upstream") == (200, "200000 octets")


async def test_blog_4(programs: Programs, http: aiohttp.ClientSession) -> None:
    for process, url in options_server(programs, "blog_4", "--title=Ours"):
        assert await get(http, url) == (200, "none/entry/5")
        assert await get(http, f"{url}/nothing") == (404, "Ours: 404")
        _, page = await get(http, f"{url}/login")
        assert page.endswith("Sign in")
        [xsrf] = re.findall(r'name="_xsrf" value="([^"]+)"', page)
        async with http.post(f"{url}/login", data={"_xsrf": xsrf, "name": "Zoë"}) as response:
            assert (response.status, await response.text()) == (200, "noneZoë/entry/5")
        form = aiohttp.FormData({"_xsrf": xsrf})
        form.add_field("text", b"content", filename="a.txt")
        async with http.post(f"{url}/compose", data=form) as response:
            assert (response.status, response.headers["Location"]) == (201, "/entry/0")
        assert await get(http, f"{url}/entry/0") == (200, "a.txt: content")
        async with http.head(f"{url}/entry/0") as response:
            assert response.headers["X-Length"] == str(len("a.txt: content"))
        async with http.get(f"{url}/source/blog_4.py", headers={"Range": "bytes=3-9"}) as response:
            assert (response.status, await response.text()) in ((206, "Tornado"), (206, "Asynch"))
        assert (await get(http, f"{url}/source/{urllib.parse.quote('../x', safe='')}"))[0] in (403, 404)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


async def test_login_3(programs: Programs, http: aiohttp.ClientSession) -> None:
    with programs.server("login_3", stderr=r"(?s).*") as (_, port):
        url = f"http://127.0.0.1:{port}"
        async with http.get(f"{url}/login", allow_redirects=False) as response:
            assert response.status == 302
            assert "scope=read_stream" in response.headers["Location"]
        assert await get(http, f"{url}/login?code=c") == (200, "You with token of c")
        assert await get(http, f"{url}/me?token=t") == (200, "me by t")
        assert (await get(http, f"{url}/me?token=bad"))[0] == 500
