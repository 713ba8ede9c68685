"""A headless Chromium, driven by its DevTools protocol: pages to open, to look at and to type into.

The protocol is JSON over one WebSocket: https://chromedevtools.github.io/devtools-protocol/. Each :class:`Page` lives
in a browser context of its own, so that two of them are two people: they share no cookie, cache or connection.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.support.processes import start

__all__ = ["EXECUTABLE", "Page", "run_chromium"]

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--mute-audio", "--window-size=900,640", "--remote-debugging-port=0"),
)

# Resolves when the condition holds: whatever changes in the page, it is asked again.
_UNTIL = """new Promise(resolve => {
  const observer = new MutationObserver(check);
  function check() { if (%s) { observer.disconnect(); resolve(); return true; } }
  if (check()) return;
  observer.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
  document.addEventListener("readystatechange", check);  // which changes no element
})"""


@contextlib.asynccontextmanager
async def run_chromium() -> AsyncIterator["Chromium"]:
    """A browser without a past, for the length of a ``with`` block."""
    assert EXECUTABLE is not None
    # It may still write to its profile while it ends.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [EXECUTABLE, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with start(command, env={"HOME": profile}, deadline=40) as process:
            line = await asyncio.to_thread(process.wait_for_line, r"DevTools listening on (ws://\S+)", "stderr")
            async with aiohttp.ClientSession() as session, session.ws_connect(line[1], max_msg_size=0) as socket:
                chromium = Chromium(socket)
                reading = asyncio.create_task(chromium.read())
                try:
                    yield chromium
                    await chromium.call("Browser.close")
                    await asyncio.to_thread(process.wait)
                finally:
                    reading.cancel()


class Chromium:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def read(self) -> None:
        """Give each answer to who waits for it."""
        async for message in self._socket:
            answer = json.loads(message.data)
            waiter = self._answers.pop(answer.get("id"), None)
            if waiter is not None and not waiter.done():
                waiter.set_result(answer)

    async def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """Call a method of the protocol; returns its result."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message | ({"sessionId": session} if session else {}))
        async with asyncio.timeout(20):
            answer = await self._answers[number]
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    async def open(self, url: str) -> "Page":
        """Open ``url`` for somebody who wasn't there before."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self, context, session)
        await page.call("Page.enable")
        navigated = await page.call("Page.navigate", url=url)
        assert "errorText" not in navigated, navigated["errorText"]
        return page


class Page:
    def __init__(self, chromium: Chromium, context: str, session: str) -> None:
        self._chromium = chromium
        self._context = context
        self._session = session

    async def call(self, method: str, **params: Any) -> Any:
        return await self._chromium.call(method, self._session, **params)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of what it promises."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until ``condition`` holds in the page."""
        try:
            await self.evaluate(_UNTIL % condition)
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            raise TimeoutError(f"{condition} doesn't come true in: {text}") from None

    async def until_text(self, selector: str, text: str) -> None:
        """Wait until the first element for ``selector`` contains ``text``."""
        await self.until(f"document.querySelector({json.dumps(selector)})?.textContent.includes({json.dumps(text)})")

    async def type(self, selector: str, text: str, *, enter: bool = False) -> None:
        """Replace what is in a field, as by keys."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.call("Input.insertText", text=text)
        if enter:
            for kind in ("keyDown", "keyUp"):
                key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
                await self.call("Input.dispatchKeyEvent", type=kind, **key)

    async def choose_files(self, selector: str, *paths: pathlib.Path) -> None:
        """Choose files in a field for them."""
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.call("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    async def screenshot(self, name: str) -> bytes:
        """A picture of the page, as PNG; kept as ``$SCREENSHOTS/name.png`` where somebody wants to look at it."""
        picture = base64.b64decode((await self.call("Page.captureScreenshot"))["data"])
        if directory := os.environ.get("SCREENSHOTS"):
            await asyncio.to_thread((pathlib.Path(directory) / f"{name}.png").write_bytes, picture)
        return picture

    async def close(self) -> None:
        """Close it, as somebody who leaves."""
        await self._chromium.call("Target.disposeBrowserContext", browserContextId=self._context)
