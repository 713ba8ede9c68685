"""Tornado 6: programs with pipes as streams, with await."""

import asyncio
import sys

from tornado.ioloop import IOLoop
from tornado.process import CalledProcessError, Subprocess

CHILD = "import sys; text = sys.stdin.read(); sys.stderr.write('read %d' % len(text)); print(text.upper()); sys.exit(7)"


async def main():
    pipes = dict.fromkeys(["stdin", "stdout", "stderr"], Subprocess.STREAM)
    child = Subprocess([sys.executable, "-c", CHILD], **pipes)
    await child.stdin.write(b"some text")
    child.stdin.close()
    out, err = await asyncio.gather(child.stdout.read_until_close(), child.stderr.read_until_close())
    print(await child.wait_for_exit(raise_error=False), out, err)
    child = Subprocess(["sleep", "60"])
    child.proc.kill()
    try:
        await child.wait_for_exit()
    except CalledProcessError as e:
        print(f"killed: {e.returncode}")


IOLoop.current().run_sync(main)
