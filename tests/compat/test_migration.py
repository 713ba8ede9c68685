"""The guide in the README: each program of ``examples/migration`` before and after, all with the same answers."""

import asyncio
import pathlib
import signal
import sys

import aiohttp
import pytest

from tests.support.ports import free_port
from tests.support.processes import ROOT, start

EXAMPLES = ROOT / "examples" / "migration"
NAMES = sorted(path.stem.removesuffix("_before") for path in EXAMPLES.glob("*_before.py"))

# The client's loop, which doesn't matter.
in_asyncio = pytest.mark.asyncio(loop_factories=["asyncio"])

STRICT = ["-W", "error::DeprecationWarning"]


async def check(*command: str) -> None:
    port = free_port()
    with start([sys.executable, *command, str(port)]) as process:
        async with asyncio.timeout(20):
            assert await answer(port, "") == "hello"
            assert await answer(port, "twice") == "hello hello"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
        assert process.stderr == ""


async def answer(port: int, path: str) -> str:
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                    assert response.status == 200
                    return await response.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)  # it says nothing when it listens


def test_each_before_has_an_after() -> None:
    assert NAMES
    assert {path.name for path in EXAMPLES.glob("*.py")} == {f"{n}_{w}.py" for n in NAMES for w in ("before", "after")}


@in_asyncio
@pytest.mark.parametrize("name", NAMES)
async def test_before_untouched(name: str) -> None:
    await check(*STRICT, "-m", "asynchttp.run_as_tornado", str(EXAMPLES / f"{name}_before.py"))


@in_asyncio
@pytest.mark.parametrize("name", NAMES)
async def test_before_renamed(name: str, tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text((EXAMPLES / f"{name}_before.py").read_text().replace("tornado", "asynchttp"))
    await check(*STRICT, str(program))


@in_asyncio
@pytest.mark.parametrize("name", NAMES)
async def test_after(name: str) -> None:
    await check(*STRICT, str(EXAMPLES / f"{name}_after.py"))


@in_asyncio
async def test_the_one_of_tornado_6_is_one() -> None:
    await check(str(EXAMPLES / "coroutines_6_before.py"))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_readme_names_it(path: pathlib.Path) -> None:
    assert path.name in (ROOT / "README.md").read_text()
