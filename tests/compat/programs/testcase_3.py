"""Tornado 3: an application's own tests: AsyncHTTPTestCase with stop and wait, ExpectLog, gen_test."""

import time
import unittest

from tornado import gen, testing
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, asynchronous


class Hello(RequestHandler):
    def get(self):
        self.write("Hello, " + self.get_argument("name", "world"))

    @asynchronous
    def post(self):
        IOLoop.current().add_callback(lambda: self.finish(self.request.body))


class Broken(RequestHandler):
    def get(self):
        raise KeyError("broken")


class HelloTest(testing.AsyncHTTPTestCase):
    def get_app(self):
        return Application([("/", Hello), ("/broken", Broken)])

    def test_fetch(self):
        response = self.fetch("/?name=you")
        self.assertEqual(response.code, 200)
        self.assertEqual(response.body, b"Hello, you")

    def test_stop_and_wait(self):
        self.http_client.fetch(self.get_url("/"), self.stop)
        response = self.wait()
        response.rethrow()
        self.assertEqual(response.body, b"Hello, world")

    def test_stop_with_keywords(self):
        self.http_client.fetch(HTTPRequest(self.get_url("/"), method="POST", body=b"abc"), callback=self.stop)
        self.assertEqual(self.wait(timeout=5).body, b"abc")

    def test_error_is_a_response(self):
        with testing.ExpectLog("tornado.application", "Uncaught exception"):
            self.http_client.fetch(self.get_url("/broken"), self.stop)
            response = self.wait()
        self.assertEqual(response.code, 500)
        self.assertTrue(response.error)

    def test_nobody_listens(self):
        sock, port = testing.bind_unused_port()
        sock.close()
        self.http_client.fetch("http://127.0.0.1:%d/" % port, self.stop)
        response = self.wait()
        self.assertEqual(response.code, 599)


class LoopTest(testing.AsyncTestCase):
    def test_condition(self):
        seen = []

        def note(value):
            seen.append(value)
            self.stop()

        self.io_loop.add_callback(note, 1)
        self.io_loop.add_timeout(time.time() + 0.02, lambda: note(2))
        self.wait(condition=lambda: len(seen) == 2)
        self.assertEqual(seen, [1, 2])

    def test_exception_in_callback(self):
        def fail():
            raise ValueError("in callback")

        self.io_loop.add_callback(fail)
        with self.assertRaises(ValueError):
            self.wait()

    def test_wait_times_out(self):
        with self.assertRaises(self.failureException):
            self.wait(timeout=0.01)

    @testing.gen_test
    def test_generator(self):
        client = AsyncHTTPClient(self.io_loop)
        self.assertTrue(client is AsyncHTTPClient(self.io_loop))
        yield gen.Task(self.io_loop.add_timeout, self.io_loop.time() + 0.01)


class PortTest(testing.AsyncTestCase, testing.LogTrapTestCase):
    def test_unused_port(self):
        self.assertTrue(1024 <= testing.get_unused_port() <= 65535)


def all():
    return unittest.defaultTestLoader.loadTestsFromName(__name__)


if __name__ == "__main__":
    testing.main()
