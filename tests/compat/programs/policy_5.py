"""Tornado 5: any thread may have a loop, by the policy of that time; one serves, and another asks it."""

import asyncio
import threading

from tornado import httpclient, httpserver, ioloop, netutil, web
from tornado.platform.asyncio import AnyThreadEventLoopPolicy


class Hello(web.RequestHandler):
    def get(self):
        self.write("hello from %s" % threading.current_thread().name)


def serve():
    asyncio.get_event_loop()
    server = httpserver.HTTPServer(web.Application([("/", Hello)]))
    server.add_sockets(sockets)
    loops.append(ioloop.IOLoop.current())
    ready.set()
    ioloop.IOLoop.current().start()
    server.stop()
    ioloop.IOLoop.current().close(all_fds=True)


def ask():
    async def fetch():
        return (await httpclient.AsyncHTTPClient().fetch(url)).body.decode()

    print(asyncio.get_event_loop().run_until_complete(fetch()))
    ioloop.IOLoop.current().close(all_fds=True)


asyncio.set_event_loop_policy(AnyThreadEventLoopPolicy())
sockets = netutil.bind_sockets(0, "127.0.0.1")
url = "http://127.0.0.1:%d/" % sockets[0].getsockname()[1]
loops, ready = [], threading.Event()
server_thread = threading.Thread(target=serve, name="server")
server_thread.start()
ready.wait()
client_thread = threading.Thread(target=ask)
client_thread.start()
client_thread.join()
loops[0].add_callback(loops[0].stop)
server_thread.join()
