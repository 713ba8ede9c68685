"""The pages of ``examples/`` in a real browser."""

import hashlib
import pathlib

import pytest

from tests.browser.chromium import EXECUTABLE, Page, run_chromium
from tests.support.examples import start_example
from tests.support.processes import start_python

pytestmark = [
    pytest.mark.skipif(EXECUTABLE is None, reason="Chromium isn't installed"),
    # The loop under test is the one of the other process.
    pytest.mark.asyncio(loop_factories=["asyncio"]),
]


async def say(page: Page, name: str, text: str) -> None:
    await page.type("#name", name)
    await page.type("#text", text, enter=True)


@pytest.mark.parametrize(("one_by", "other_by"), [("", ""), ("?polling", "")])
async def test_chat_of_two(loop_name: str, one_by: str, other_by: str) -> None:
    with start_example("web_chat", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/"
        async with run_chromium() as chromium:
            one, other = await chromium.open(url + one_by), await chromium.open(url + other_by)
            for page, way in ((one, one_by), (other, other_by)):
                await page.until_text("#state", "by long polling" if way else "by WebSocket")
            await say(one, "Ada", "Is anybody there?")
            await other.until_text("li:not(.mine)", "Is anybody there?")
            await say(other, "Grace", "Yes, and <b>markup</b> stays text.")
            await one.until_text("li:not(.mine)", "Grace")
            await one.until_text("li:not(.mine)", "<b>markup</b> stays text.")
            for page in (one, other):
                await page.until("document.querySelectorAll('li').length === 2")
                assert await page.evaluate("document.querySelectorAll('li.mine').length") == 1
            await one.screenshot("chat")
            await other.close()
            await say(one, "Ada", "Good bye.")
            await one.until("document.querySelectorAll('li').length === 3")
        process.kill()
        assert "Traceback" not in process.stderr


async def test_chat_goes_on_when_the_server_comes_back() -> None:
    async with run_chromium() as chromium:
        with start_example("web_chat", "asyncio") as process:
            port = process.wait_for_port()
            page = await chromium.open(f"http://127.0.0.1:{port}/")
            await page.until_text("#state", "by WebSocket")
            await say(page, "Ada", "before")
            await page.until_text("li", "before")
            process.kill()
        await page.until_text("#state", "connection lost")
        with start_python("-m", "examples.web_chat", str(port)):
            await page.until("document.querySelector('#state').className === 'up'")
            await say(page, "Ada", "after")
            await page.until_text("li:last-child", "after")


async def test_events_show_the_time_and_who_watches(loop_name: str) -> None:
    with start_example("events", loop_name) as process:
        url = f"http://127.0.0.1:{process.wait_for_port()}/"
        async with run_chromium() as chromium:
            one, other = await chromium.open(url), await chromium.open(url)
            await one.until_text("#watching", "2 watching")
            assert await one.evaluate("/^..:..:..$/.test(document.querySelector('time').textContent)")
            await one.screenshot("events")
            await other.close()
            process.wait_for_line("^1 watching")
            await one.until_text("#watching", "1 watching")
        process.wait_for_line("^0 watching")
        process.kill()
        assert process.stderr == ""


async def test_upload_shows_its_progress(loop_name: str, tmp_path: pathlib.Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    data = b"0123456789abcdef" * 2**20
    (source / "large.bin").write_bytes(data)
    (source / "taken.txt").write_bytes(b"new")
    (target / "taken.txt").write_bytes(b"old")
    with start_example("upload", loop_name, str(target)) as process:
        async with run_chromium() as chromium:
            page = await chromium.open(f"http://127.0.0.1:{process.wait_for_port()}/")
            await page.until("document.readyState !== 'loading' && document.querySelector('ul')")
            await page.call("Network.enable")
            slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2**25}
            await page.call("Network.emulateNetworkConditions", **slow)
            # How far the bar was each time that it moved.
            await page.evaluate("""window.seen = []; new MutationObserver(() => {
                const bar = [...document.querySelectorAll("li")].at(-1).querySelector("progress");
                window.seen.push(bar.value / bar.max);
            }).observe(document.querySelector("ul"), {subtree: true, childList: true})""")
            await page.choose_files("input", source / "large.bin", source / "taken.txt")
            await page.until_text("li.complete", hashlib.sha256(data).hexdigest())
            await page.until_text("li.refused", "there is a file of that name")
            seen = await page.evaluate("window.seen")
            assert seen == sorted(seen)
            assert (seen[0], seen[-1]) == (0, 1)
            assert any(0 < each < 1 for each in seen)
            await page.screenshot("upload")
        assert (target / "large.bin").read_bytes() == data
        assert (target / "taken.txt").read_bytes() == b"old"
        process.kill()
        assert process.stderr == ""
