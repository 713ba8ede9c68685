"""The same with coroutines: what called back is awaited, and ``finish()`` comes by itself."""

import asyncio
import sys

import asynchttp.httpclient
import asynchttp.httpserver
import asynchttp.web


class Hello(asynchttp.web.RequestHandler):
    async def get(self):
        await asyncio.sleep(0.01)
        self.write("hello")


class Twice(asynchttp.web.RequestHandler):
    async def get(self):
        client = asynchttp.httpclient.AsyncHTTPClient()
        url = f"http://{self.request.host}/"
        first, second = await asyncio.gather(client.fetch(url), client.fetch(url))
        self.write(first.body + b" " + second.body)


application = asynchttp.web.Application([("/", Hello), ("/twice", Twice)])


async def main():
    server = asynchttp.httpserver.HTTPServer(application, xheaders=True)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
