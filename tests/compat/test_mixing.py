"""Tornado and this package in one process, neither in the other's place: each code runs in a child, on one loop."""

import textwrap

import pytest

from tests.support.processes import run_python

HEAD = """
import asyncio, logging
import tornado.web, tornado.httpclient, tornado.websocket, tornado.tcpclient, tornado.tcpserver, tornado.iostream
import asynchttp.web, asynchttp.httpclient, asynchttp.websocket, asynchttp.tcpclient, asynchttp.tcpserver
from asynchttp.httpserver import HTTPServer
from asynchttp.ioloop import IOLoop
from asynchttp.testing import bind_unused_port

async def serve(application):
    sock, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_socket(sock)
    return f"127.0.0.1:{port}"
"""


@pytest.fixture
def printed(loop_name: str):  # type: ignore[no-untyped-def]
    """Run the body of a coroutine function in a child; return the lines that it printed."""

    def printed(code: str, stderr: str = "") -> list[str]:
        body = textwrap.indent(textwrap.dedent(code), "    ")
        whole = f"{HEAD}\nasync def main():\n{body}\nIOLoop.current().run_sync(main)\n"
        exit_code, out, err = run_python("-c", whole, env={"ASYNCHTTP_LOOP": loop_name})
        assert exit_code == 0, err
        assert stderr in err
        assert stderr or not err
        return out.splitlines()

    return printed


def test_tornados_client_and_our_server(printed) -> None:  # type: ignore[no-untyped-def]
    assert printed("""
        async def handle(request):
            if request.path == "/slow":
                await asyncio.sleep(60)
            return f"{request.method} {len(request.body)}"
        host = await serve(handle)
        client = tornado.httpclient.AsyncHTTPClient()
        print((await client.fetch(f"http://{host}/")).body.decode())
        print((await client.fetch(f"http://{host}/", method="POST", body=b"x" * 300_000)).body.decode())
        pieces = []
        await client.fetch(f"http://{host}/", streaming_callback=pieces.append)
        print(b"".join(pieces).decode())
        answers = await asyncio.gather(*(client.fetch(f"http://{host}/{n}") for n in range(20)))
        print({answer.code for answer in answers})
        try:
            await client.fetch(f"http://{host}/slow", request_timeout=0.1)
        except tornado.httpclient.HTTPError as error:
            print(error.code, isinstance(error, asynchttp.httpclient.HTTPError))
        client.close()
        """) == ["GET 0", "POST 300000", "GET 0", "{200}", "599 False"]


@pytest.mark.parametrize(("server", "client"), [("asynchttp", "tornado"), ("tornado", "asynchttp")])
def test_websockets(printed, server: str, client: str) -> None:  # type: ignore[no-untyped-def]
    """Handlers of either on our server, with the other's client."""
    assert printed(f"""
        class Echo({server}.websocket.WebSocketHandler):
            def on_message(self, message):
                self.write_message(message)
        host = await serve({server}.web.Application([("/", Echo)]))
        connection = await {client}.websocket.websocket_connect(f"ws://{{host}}/")
        for message in ("text", "x" * 200_000):
            await connection.write_message(message)
            print(await connection.read_message() == message)
        connection.close()
        print(await connection.read_message())
        """) == ["True", "True", "None"]


@pytest.mark.parametrize(("server", "client"), [("asynchttp", "tornado"), ("tornado", "asynchttp")])
def test_streams(printed, server: str, client: str) -> None:  # type: ignore[no-untyped-def]
    assert printed(f"""
        class Upper({server}.tcpserver.TCPServer):
            async def handle_stream(self, stream, address):
                await stream.write((await stream.read_until(b"\\n")).upper())
                stream.close()
        sock, port = bind_unused_port()
        server = Upper()
        server.add_socket(sock)
        stream = await {client}.tcpclient.TCPClient().connect("127.0.0.1", port)
        await stream.write(b"abc\\n")
        print(await stream.read_until_close())
        server.stop()
        """) == ["b'ABC\\n'"]


LIBRARY = '''
class Page(tornado.web.RequestHandler):
    """A library's, which knows Tornado's name only."""
    def initialize(self, word):
        self.word = word
    def get(self):
        if self.get_argument("fail", ""):
            raise tornado.web.HTTPError(409)
        self.write(f"{self.word} {self.reverse_url('page')}")

@tornado.web.stream_request_body
class Upload(tornado.web.RequestHandler):
    def prepare(self):
        self.size = 0
    def data_received(self, chunk):
        self.size += len(chunk)
    def post(self):
        self.write(str(self.size))
'''


def test_handlers_of_a_library_in_our_application(printed) -> None:  # type: ignore[no-untyped-def]
    library = textwrap.indent(LIBRARY, " " * 8)
    assert printed(
        f"""{library}
        class Ours(asynchttp.web.RequestHandler):
            def get(self):
                self.write("ours")
        host = await serve(asynchttp.web.Application([
            asynchttp.web.url("/page", Page, dict(word="theirs"), name="page"), ("/upload", Upload), ("/ours", Ours)]))
        client = asynchttp.httpclient.AsyncHTTPClient()
        for path in ("page", "ours"):
            print((await client.fetch(f"http://{{host}}/{{path}}")).body.decode())
        print((await client.fetch(f"http://{{host}}/upload", method="POST", body="x" * 100_000)).body.decode())
        print((await client.fetch(f"http://{{host}}/page?fail=1", raise_error=False)).code)
        """,
        stderr="409 GET /page?fail=1",
    ) == ["theirs /page", "ours", "100000", "409"]


def test_errors_of_a_library_in_our_handlers(printed) -> None:  # type: ignore[no-untyped-def]
    """``tornado.web.HTTPError`` isn't ours, and neither is what it was made by; the handler knows it anyway."""
    assert printed(
        """
        class Main(asynchttp.web.RequestHandler):
            def write_error(self, status_code, exc_info, **kwargs):
                error = exc_info[1]
                known = isinstance(error, tornado.web.HTTPError), isinstance(error, asynchttp.web.HTTPError)
                self.finish(f"{self._reason} {known} {exc_info[2] is not None}")
            def get(self, what):
                if what == "finish":
                    self.write("finished")
                    raise tornado.web.Finish()
                if what == "missing":
                    raise tornado.web.MissingArgumentError("name")
                raise tornado.web.HTTPError(404, "no %s", "cake", reason="No Cake")
        host = await serve(asynchttp.web.Application([("/(.*)", Main)]))
        client = asynchttp.httpclient.AsyncHTTPClient()
        for path in ("error", "missing", "finish"):
            response = await client.fetch(f"http://{host}/{path}", raise_error=False)
            print(response.code, response.body.decode())
        """,
        stderr="404 GET /error (127.0.0.1): no cake",
    ) == ["404 No Cake (True, True) True", "400 Bad Request (True, True) True", "200 finished"]
