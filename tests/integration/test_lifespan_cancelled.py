"""A loop that ends cancels all tasks at once: the application's, and the one that waits for its shutdown."""

import asyncio
from typing import Any

import pytest

from asynchttp.asgi import ASGIHandler
from tests.integration.helpers import within

pytestmark = pytest.mark.asyncio


async def application(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()


async def test_shutdown_does_not_wait_for_an_application_that_was_cancelled() -> None:
    handler = ASGIHandler(application, lifespan="on")
    await handler.startup()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within(handler.shutdown())
