"""Certificates of a live server: taken anew, chosen by the client's name, and handshakes that never end."""

import asyncio
import pathlib
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from asynchttp import httpserver
from asynchttp._certificates import Certificates, checked_ssl_options
from tests.integration.helpers import Clock, all_closed, build_request, run_server, turns, until, within
from tests.support.servers import RunningServer

pytestmark = pytest.mark.asyncio

CA = trustme.CA()
CERTIFICATES = {name: CA.issue_cert(name) for name in ("old.test", "new.test", "a.test", "b.test", "*.wild.test")}
LOGGER = "asynchttp.general"


def hello(request: Any) -> None:
    request.respond(b"hello")


class Files:
    """A certificate and its key in two files, as an ACME client leaves them."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.certfile, self.keyfile = directory / "cert.pem", directory / "key.pem"

    def write(self, name: str) -> None:
        self.write_key(name)
        self.write_certificate(name)

    def write_certificate(self, name: str) -> None:
        replace(self.certfile, b"".join(blob.bytes() for blob in CERTIFICATES[name].cert_chain_pems))

    def write_key(self, name: str) -> None:
        replace(self.keyfile, CERTIFICATES[name].private_key_pem.bytes())

    @property
    def options(self) -> dict[str, Any]:
        return {"certfile": str(self.certfile), "keyfile": str(self.keyfile)}


def replace(path: pathlib.Path, data: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.replace(path)


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Iterator[Files]:
    files = Files(tmp_path)
    files.write("old.test")
    yield files


class TLSClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, running: RunningServer, name: str = "old.test") -> "TLSClient":
        context = ssl.create_default_context()
        context.check_hostname = False
        CA.configure_trust(context)
        streams = asyncio.open_connection(running.host, running.port, ssl=context, server_hostname=name)
        return cls(*await within(streams))

    @property
    def names(self) -> list[str]:
        certificate = self.writer.get_extra_info("peercert")
        return [value for _, value in certificate["subjectAltName"]]

    async def get(self) -> bytes:
        self.writer.write(build_request())
        await within(self.reader.readuntil(b"\r\n\r\n"))
        return bytes(await within(self.reader.readexactly(5)))

    async def close(self) -> None:
        self.writer.transport.abort()
        await turns()


async def served_names(running: RunningServer, name: str = "old.test") -> list[str]:
    client = await TLSClient.connect(running, name)
    try:
        assert await client.get() == b"hello"
        return client.names
    finally:
        await client.close()


# Reloading


async def test_reload_without_dropping_a_connection(files: Files) -> None:
    async with run_server(hello, ssl_options=files.options) as running:
        before = await TLSClient.connect(running)
        assert await before.get() == b"hello"
        files.write("new.test")
        assert await served_names(running) == ["old.test"]
        assert running.server.reload_certificates() is True
        assert await served_names(running) == ["new.test"]
        assert await before.get() == b"hello"
        assert before.names == ["old.test"]
        await before.close()


async def test_handshake_under_way_ends_with_what_it_began_with(files: Files) -> None:
    async with run_server(hello, ssl_options=files.options) as running:
        context = ssl.create_default_context()
        context.check_hostname = False
        CA.configure_trust(context)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="old.test")
        async with await running.connect() as client:
            await until(lambda: running.server._connections)
            await turns(20)
            files.write("new.test")
            assert running.server.reload_certificates()
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await client.send(outgoing.read())
                    incoming.write(await client.read_some())
            certificate = tls.getpeercert()
            assert certificate is not None
            assert certificate["subjectAltName"] == (("DNS", "old.test"),)


def break_by_missing_file(files: Files) -> str:
    files.certfile.unlink()
    return "cert.pem.*No such file"


def break_by_garbage(files: Files) -> str:
    files.certfile.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    return "cert.pem"


def break_by_empty_file(files: Files) -> str:
    files.keyfile.write_bytes(b"")
    return "key.pem"


def break_by_key_of_another(files: Files) -> str:
    files.write_key("new.test")
    return "key.pem.*KEY_VALUES_MISMATCH"


def break_by_directory(files: Files) -> str:
    files.keyfile.unlink()
    files.keyfile.mkdir()
    return "key.pem"


BREAKS = [
    break_by_missing_file,
    break_by_garbage,
    break_by_empty_file,
    break_by_key_of_another,
    break_by_directory,
]


@pytest.mark.parametrize("break_it", BREAKS)
async def test_broken_file_leaves_the_old_in_force_and_logs_once(files: Files, break_it: Any, expect_log: Any) -> None:
    async with run_server(hello, ssl_options=files.options) as running:
        expect_log(LOGGER, break_it(files), count=1)
        assert running.server.reload_certificates() is False
        assert await served_names(running) == ["old.test"]
        if files.keyfile.is_dir():
            files.keyfile.rmdir()
        files.write("new.test")
        assert running.server.reload_certificates() is True
        assert await served_names(running) == ["new.test"]


@pytest.mark.parametrize("break_it", BREAKS)
async def test_broken_file_at_the_beginning_is_an_error_with_its_name(files: Files, break_it: Any) -> None:
    pattern = break_it(files).partition(".*")[0]
    with pytest.raises((OSError, ValueError), match=pattern):
        Certificates(checked_ssl_options(files.options) or {})


async def test_context_made_by_a_function(files: Files) -> None:
    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certfile, files.keyfile)
        return context

    async with run_server(hello, ssl_options=make) as running:
        assert await served_names(running) == ["old.test"]
        files.write("new.test")
        assert running.server.reload_certificates() is True
        assert await served_names(running) == ["new.test"]


async def test_function_that_fails_leaves_the_old_in_force(files: Files, expect_log: Any) -> None:
    contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)]
    contexts[0].load_cert_chain(files.certfile, files.keyfile)
    async with run_server(hello, ssl_options=contexts.pop) as running:
        expect_log(LOGGER, "Certificates not reloaded.*pop from empty list", count=1)
        assert running.server.reload_certificates() is False
        assert await served_names(running) == ["old.test"]


async def test_context_has_no_files() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with run_server(hello, ssl_options=context) as running:
        with pytest.raises(ValueError, match="ssl_options is a context"):
            running.server.reload_certificates()


async def test_server_without_tls_has_nothing_to_reload() -> None:
    async with run_server(hello) as running:
        assert running.server.reload_certificates() is False


async def test_handshakes_go_on_while_certificates_change_all_the_time(files: Files) -> None:
    async with run_server(hello, ssl_options=files.options) as running:
        for number in range(20):
            files.write(["new.test", "old.test"][number % 2])
            connecting = [asyncio.ensure_future(TLSClient.connect(running)) for _ in range(3)]
            await turns(number)
            assert running.server.reload_certificates()
            for client in [await each for each in connecting]:
                assert await client.get() == b"hello"
                await client.close()


# Watching


async def reloaded(running: RunningServer) -> None:
    context = running.server._ssl_context
    async with asyncio.timeout(10):
        while running.server._ssl_context is context:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_files_are_watched(files: Files) -> None:
    async with run_server(hello, ssl_options=files.options, ssl_reload=0.05) as running:
        for name in ("new.test", "old.test"):
            files.write(name)
            await reloaded(running)
            assert await served_names(running) == [name]


async def test_half_written_change_is_told_once_and_healed_by_the_other_half(files: Files, expect_log: Any) -> None:
    async with run_server(hello, ssl_options=files.options, ssl_reload=0.02) as running:
        said = expect_log(LOGGER, "KEY_VALUES_MISMATCH", count=1)
        files.write_key("new.test")
        await said.wait()
        loop = asyncio.get_running_loop()
        passed = loop.create_future()
        loop.call_later(0.2, passed.set_result, None)  # some ten looks
        await passed
        assert await served_names(running) == ["old.test"]
        files.write_certificate("new.test")
        await reloaded(running)
        assert await served_names(running) == ["new.test"]


async def test_watching_ends_with_the_server(files: Files) -> None:
    async with run_server(hello, ssl_options=files.options, ssl_reload=0.05) as running:
        certificates = running.server._certificates
        assert certificates is not None
        assert certificates._timer is not None
        running.server.stop()
        assert certificates._timer is None


# Names


@pytest.fixture
def sni_options(files: Files, tmp_path: pathlib.Path) -> dict[str, Any]:
    sni = {}
    for name in ("a.test", "b.test", "*.wild.test"):
        (directory := tmp_path / name.replace("*", "any")).mkdir()
        own = Files(directory)
        own.write(name)
        sni[name] = own.options
    return {**files.options, "sni": sni}


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("a.test", "a.test"),
        ("A.TEST", "a.test"),
        ("b.test", "b.test"),
        ("x.wild.test", "*.wild.test"),
        ("x.y.wild.test", "old.test"),
        ("wild.test", "old.test"),
        ("other.test", "old.test"),
        ("127.0.0.1", "old.test"),  # an address is never sent
    ],
)
async def test_certificate_by_name(sni_options: dict[str, Any], asked: str, served: str) -> None:
    async with run_server(hello, ssl_options=sni_options) as running:
        assert await served_names(running, asked) == [served]


async def test_certificates_by_name_are_reloaded_together(sni_options: dict[str, Any], tmp_path: pathlib.Path) -> None:
    async with run_server(hello, ssl_options=sni_options) as running:
        Files(tmp_path / "a.test").write("new.test")
        assert running.server.reload_certificates()
        assert await served_names(running, "a.test") == ["new.test"]
        assert await served_names(running, "b.test") == ["b.test"]


async def test_missing_file_of_a_name_is_an_error_at_once(sni_options: dict[str, Any], tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.test" / "key.pem").unlink()
    with pytest.raises(ValueError, match=r"a\.test/key\.pem"):
        httpserver.HTTPServer(hello, ssl_options=sni_options)


async def test_http_is_what_is_agreed_on(files: Files) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    CA.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with run_server(hello, ssl_options=files.options) as running:
        _, writer = await asyncio.open_connection(running.host, running.port, ssl=context, server_hostname="x")
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.transport.abort()
        await turns()


# Handshakes that stall


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
async def test_handshake_has_the_time_of_a_head(files: Files, sent: bytes) -> None:
    async with run_server(hello, ssl_options=files.options, header_timeout=10) as running:
        clock = Clock(running.server)
        async with await running.connect() as client:
            await client.send(sent)
            await until(lambda: running.server._connections)
            await turns(20)
            clock.almost(10)
            await turns()
            assert running.server._connections
            clock.advance_past(0.1)
            await client.read_to_end()
            await all_closed(running.server)


async def test_stalled_handshakes_do_not_slow_the_healthy(files: Files) -> None:
    async with run_server(hello, ssl_options=files.options, header_timeout=10) as running:
        clock = Clock(running.server)

        async def seconds() -> float:
            begin = time.perf_counter()
            for _ in range(10):
                assert await served_names(running) == ["old.test"]
            return time.perf_counter() - begin

        alone = await seconds()
        stalled = [await running.connect() for _ in range(200)]
        for number, client in enumerate(stalled):
            await client.send(b"\x16\x03\x01\x02\x00\x01"[: number % 7])
        await until(lambda: len(running.server._connections) >= 200)
        beside = await seconds()
        assert beside < 3 * alone + 0.5
        clock.advance_past(10)
        await until(lambda: len(running.server._connections) < 20)
        for client in stalled:
            await client.read_to_end()
            client.close()
        assert await served_names(running) == ["old.test"]
