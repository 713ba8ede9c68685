"""Tornado 3: programs with pipes as streams, by callbacks."""

import subprocess
import sys

from tornado.ioloop import IOLoop
from tornado.process import Subprocess

CHILD = "import sys; text = sys.stdin.read(); sys.stderr.write('read %d' % len(text)); print(text.upper()); sys.exit(7)"

loop = IOLoop.instance()
Subprocess.initialize(loop)
results = {}


def done(name, value):
    results[name] = value
    if len(results) == 3:
        loop.stop()


child = Subprocess(
    [sys.executable, "-c", CHILD],
    stdin=Subprocess.STREAM,
    stdout=Subprocess.STREAM,
    stderr=Subprocess.STREAM,
    io_loop=loop,
)
child.set_exit_callback(lambda code: done("exit", code))
child.stdin.write(b"some text", child.stdin.close)
child.stdout.read_until_close(lambda data: done("stdout", data))
child.stderr.read_until_close(lambda data: done("stderr", data))
loop.start()
print("%(exit)d %(stdout)r %(stderr)r" % results)

# A pipe of subprocess's own, and an end by a signal.
child = Subprocess(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
child.set_exit_callback(lambda code: (print("killed: %d" % code), loop.stop()))
child.proc.kill()
loop.start()
child.stdout.close()
Subprocess.uninitialize()
