"""Tornado 2 to 4: everything is made in the main thread, then the one loop runs in another."""

import sys
import threading
import time

from tornado.ioloop import IOLoop
from tornado.tcpserver import TCPServer


class CountServer(TCPServer):
    count = 0

    def handle_stream(self, stream, address):
        def on_line(line):
            stream.write("%s %d\n" % (threading.current_thread().name, self.count), stream.close)

        stream.read_until(b"\n", on_line)

    def add(self, number):
        self.count += number
        if self.count == 3:
            done.set()


server = CountServer()
server.listen(int(sys.argv[1]), "127.0.0.1")
done = threading.Event()
thread = threading.Thread(target=IOLoop.instance().start, name="loop")
thread.daemon = True
thread.start()

for number in (1, 2):
    IOLoop.instance().add_callback(server.add, number)
done.wait()
try:
    print("listening on tcp://127.0.0.1:%s" % sys.argv[1], flush=True)
    while True:
        time.sleep(1000)
except KeyboardInterrupt:
    IOLoop.instance().add_callback(IOLoop.instance().stop)
    thread.join()
    print("stopped")
