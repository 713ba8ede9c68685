"""Start-up and shutdown of ASGI applications, in each mode, and what they leave in ``scope["state"]``."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from asynchttp import _asgi_lifespan
from asynchttp.asgi import ASGIHandler, LifespanError
from asynchttp.mount import Mount
from tests.integration.helpers import attributes, build_request, expect_failure, run_server, until, within

pytestmark = pytest.mark.asyncio

ExpectLog = Callable[..., Any]


class App:
    """Answers with its state. ``starting`` and ``stopping`` say what it does at start-up and shutdown."""

    def __init__(self, starting: str = "complete", stopping: str = "complete") -> None:
        self.log: list[str] = []
        self.starting = starting
        self.stopping = stopping

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
            return
        self.log.append("request")
        body = repr(scope["state"]).encode()
        scope["state"]["of the request"] = True
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        scope["state"]["made"] = "at start-up"
        for phase, doing in (("startup", self.starting), ("shutdown", self.stopping)):
            if doing == "return before":
                return
            assert await receive() == {"type": f"lifespan.{phase}"}
            self.log.append(phase)
            if doing == "raise":
                raise ZeroDivisionError("mine")
            if doing == "exit":
                raise SystemExit("mine")
            if doing == "return":
                return
            await asyncio.sleep(0)
            message = {"message": "no database"} if doing.startswith("failed") else {}
            await send({"type": f"lifespan.{phase}.{doing.split()[0]}", **message})
            if doing == "failed and raise":
                raise ZeroDivisionError("mine")
            if doing == "complete and raise":
                raise ZeroDivisionError("mine")


@pytest.mark.parametrize("mode", ["auto", "on"])
async def test_application_is_started_before_and_stopped_behind_its_requests(mode: Any) -> None:
    app = App()
    handler = ASGIHandler(app, lifespan=mode)
    async with handler, run_server(handler) as running, await running.connect() as client:
        for _ in range(2):
            assert (await client.request(build_request())).body == b"{'made': 'at start-up'}"
    assert app.log == ["startup", "request", "request", "shutdown"]


async def test_off_asks_nothing() -> None:
    app = App("raise")
    handler = ASGIHandler(app, lifespan="off")
    async with handler, run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).body == b"{}"
    assert app.log == ["request"]


async def test_first_requests_wait_for_a_start_up_of_their_own() -> None:
    app = App()
    handler = ASGIHandler(app)
    async with run_server(handler) as running:
        clients = [await running.connect() for _ in range(3)]
        for client in clients:
            await client.send(build_request())
        for client in clients:
            assert (await client.read_response()).body == b"{'made': 'at start-up'}"
            client.close()
    await handler.shutdown()
    assert app.log == ["startup", "request", "request", "request", "shutdown"]


async def test_handler_can_be_started_again() -> None:
    app = App()
    handler = ASGIHandler(app)
    for _ in range(2):
        async with handler:
            await handler.startup()
    await handler.shutdown()
    assert app.log == ["startup", "shutdown"] * 2


@pytest.mark.parametrize("starting", ["raise", "return", "return before"])
async def test_auto_serves_an_application_that_takes_no_part(starting: str) -> None:
    app = App(starting)
    async with ASGIHandler(app) as handler, run_server(handler) as running, await running.connect() as client:
        assert (await client.request(build_request())).status == 200


@pytest.mark.parametrize(
    ("mode", "starting", "text"),
    [
        ("on", "raise", "failed at start-up: ZeroDivisionError: mine"),
        ("on", "exit", "failed at start-up: SystemExit: mine"),
        ("auto", "exit", "failed at start-up: SystemExit: mine"),
        ("on", "failed", "failed at startup: no database"),
        ("auto", "failed", "failed at startup: no database"),
        ("auto", "failed and raise", "failed at startup: no database"),
    ],
)
async def test_failed_start_up(mode: Any, starting: str, text: str, expect_log: ExpectLog) -> None:
    app = App(starting)
    handler = ASGIHandler(app, lifespan=mode)
    with pytest.raises(LifespanError, match=text):
        await handler.startup()
    await handler.shutdown()
    # and a server that starts it by itself answers 500 to each
    expect_failure(expect_log, text, count=2)
    async with run_server(handler) as running:
        for _ in range(2):
            async with await running.connect() as client:
                assert (await client.request(build_request())).status == 500
    assert "request" not in app.log


@pytest.mark.parametrize(
    ("stopping", "text"),
    [
        ("raise", "failed at shutdown: ZeroDivisionError: mine"),
        ("exit", "failed at shutdown: SystemExit: mine"),
        ("failed", "failed at shutdown: no database"),
    ],
)
async def test_failed_shutdown(stopping: str, text: str) -> None:
    handler = ASGIHandler(App(stopping=stopping))
    await handler.startup()
    with pytest.raises(LifespanError, match=text):
        await handler.shutdown()
    await handler.shutdown()  # once is enough


@pytest.mark.parametrize(("starting", "stopping"), [("complete and raise", ""), ("complete", "complete and raise")])
async def test_exception_that_nobody_waits_for_is_logged(starting: str, stopping: str, expect_log: ExpectLog) -> None:
    failed = expect_failure(expect_log, "in the lifespan of an ASGI application\nZeroDivisionError: mine")
    handler = ASGIHandler(App(starting, stopping))
    await handler.startup()
    if stopping:
        await handler.shutdown()
    await within(failed.wait())
    await handler.shutdown()


@pytest.mark.parametrize("waits_for", ["the next message", "another event"])
async def test_application_that_does_not_return_is_ended(waits_for: str) -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            for phase in ("startup", "shutdown"):
                assert await receive() == {"type": f"lifespan.{phase}"}
                await send({"type": f"lifespan.{phase}.complete"})
                log.append(phase)
            await (receive() if waits_for == "the next message" else asyncio.Event().wait())
        finally:
            log.append("ended")

    handler = ASGIHandler(app, lifespan="on")
    with attributes(_asgi_lifespan, _SHUTDOWN_TIMEOUT=0.1 if waits_for == "another event" else 30):
        await handler.startup()
        await within(handler.shutdown())
    await until(lambda: log == ["startup", "shutdown", "ended"])


async def test_shutdown_that_is_never_complete_is_an_error() -> None:
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await asyncio.Event().wait()
        finally:
            ended.set()

    handler = ASGIHandler(app, lifespan="on")
    await handler.startup()
    text = r"failed at shutdown: not complete after 0\.1 s"
    with attributes(_asgi_lifespan, _SHUTDOWN_TIMEOUT=0.1), pytest.raises(LifespanError, match=text):
        await handler.shutdown()
    await within(ended.wait())


async def test_start_up_that_takes_long_is_told_of_and_waited_for(expect_log: ExpectLog) -> None:
    told = expect_log("asynchttp.general", r"start-up isn't complete after 0\.1 s", level=logging.WARNING)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await told.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()

    with attributes(_asgi_lifespan, _PATIENCE=0.1):
        async with ASGIHandler(app, lifespan="on"):
            pass


async def test_start_up_that_fails_while_the_handler_is_shut_down() -> None:
    app = App("failed")
    handler = ASGIHandler(app)
    starting = asyncio.ensure_future(handler.startup())
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(handler.shutdown())
    await asyncio.wait([starting, stopping], timeout=5)
    assert isinstance(starting.exception(), LifespanError)
    assert stopping.done()


async def test_unexpected_messages() -> None:
    caught: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        messages: list[dict[str, str]] = [{}, {"type": "lifespan.startup"}, {"type": "http.response.start"}]
        for message in messages:
            with pytest.raises(RuntimeError) as error:
                await send(message)
            caught.append(str(error.value))
        await send({"type": "lifespan.startup.complete"})
        with pytest.raises(RuntimeError):
            await send({"type": "lifespan.startup.complete"})

    async with ASGIHandler(app, lifespan="on"):
        pass
    assert caught[1] == "unexpected ASGI message 'lifespan.startup'"


async def test_waiter_that_is_cancelled_leaves_the_start_up_to_others() -> None:
    app = App()
    handler = ASGIHandler(app)
    waiting = asyncio.ensure_future(handler.startup())
    await asyncio.sleep(0)
    waiting.cancel()
    await handler.startup()
    await handler.shutdown()
    assert app.log == ["startup", "shutdown"]


async def test_mount_starts_in_order_and_stops_in_reverse() -> None:
    log: list[str] = []

    def app(name: str, starting: str = "complete", stopping: str = "complete") -> ASGIHandler:
        class Named(App):
            async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
                log.append(f"{name} starts")
                try:
                    await super().lifespan(scope, receive, send)
                finally:
                    log.append(f"{name} stops")

        return ASGIHandler(Named(starting, stopping))

    async with Mount({"/b": app("b"), "/aa": app("aa")}):
        assert log == ["aa starts", "b starts"]
    assert log[2:] == ["b stops", "aa stops"]

    log.clear()
    with pytest.raises(LifespanError):
        await Mount({"/cc": app("cc"), "/b": app("b", "failed"), "/": app("never")}).startup()
    assert log == ["cc starts", "b starts", "b stops", "cc stops"]

    log.clear()
    mount = Mount({"/b": app("b", stopping="failed"), "/aa": app("aa")})
    await mount.startup()
    with pytest.raises(LifespanError):
        await mount.shutdown()
    assert log[2:] == ["b stops", "aa stops"]
