"""The TLS handshake: how it goes well, how it fails, and who is told."""

import asyncio
import gc
import pathlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asynchttp import _tls
from asynchttp.iostream import SSLIOStream, StreamClosedError
from tests.stream.kit import Certificates, Peer, TLSPeer, tcp_pair, turns, within

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("nothing_is_left")]

Expect = Callable[..., Any]


@pytest.fixture(params=["server", "client"])
def side(request: pytest.FixtureRequest) -> str:
    """Which one ours is."""
    name: str = request.param
    return name


@asynccontextmanager
async def ours_and_theirs(
    side: str, certificates: Certificates, *, ours: Any = None, theirs: Any = None, hostname: str = "localhost"
) -> AsyncIterator[tuple[SSLIOStream, TLSPeer]]:
    """A stream and its peer, neither of which has said a word. ``hostname`` is what the client asks for."""
    ours_sock, theirs_sock = await tcp_pair()
    if side == "server":
        stream = SSLIOStream(ours_sock, ssl_options=ours or certificates.server(), server_side=True)
        peer = TLSPeer(theirs_sock, theirs or certificates.client(), False, hostname)
    else:
        stream = SSLIOStream(ours_sock, ssl_options=ours or certificates.client())
        stream._expect_server(hostname)  # as connect() and start_tls() do
        peer = TLSPeer(theirs_sock, theirs or certificates.server(), True)
    try:
        yield stream, peer
    finally:
        stream.close()
        peer.close()


class Ends:
    """What a stream said of its end."""

    def __init__(self, stream: SSLIOStream) -> None:
        self.count = 0
        self.event = asyncio.Event()
        stream.set_close_callback(self._closed)

    def _closed(self) -> None:
        self.count += 1
        self.event.set()

    async def once(self) -> None:
        await within(self.event.wait())
        await turns(5)
        assert self.count == 1


async def outcome(awaitable: Any) -> Any:
    [result] = await within(asyncio.gather(awaitable, return_exceptions=True))
    return result


async def fails_for_everybody(stream: SSLIOStream, expected: type[BaseException]) -> BaseException:
    """A read, a write, and who waits for the handshake; then the same on the closed stream. Returns the error."""
    ends = Ends(stream)
    reading, writing, shaking = stream.read_bytes(1), stream.write(b"secret"), stream.wait_for_handshake()
    error = await outcome(shaking)
    assert isinstance(error, expected), repr(error)
    real_error = error.real_error if isinstance(error, StreamClosedError) else error
    for future in (reading, writing):
        failed = await outcome(future)
        assert isinstance(failed, StreamClosedError)
        assert failed.real_error is real_error
    assert stream.error is real_error
    assert stream.closed()
    later = await outcome(stream.wait_for_handshake())
    assert type(later) is type(error)
    with pytest.raises(StreamClosedError):
        stream.write(b"more")
    await ends.once()
    gc.collect()
    return error


# -- how it goes well


async def test_data_may_be_written_and_read_before_it_is_over(side: str, certificates: Certificates) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        reading = stream.read_until(b"\n")
        writing = stream.write(b"early")
        await turns(5)
        assert not writing.done()
        await peer.handshake()
        assert await peer.read_exactly(5) == b"early"
        await within(writing)
        await peer.send(b"line\n")
        assert await within(reading) == b"line\n"


async def test_large_write_before_it_is_over(side: str, certificates: Certificates) -> None:
    data = bytes(range(256)) * 20_000
    async with ours_and_theirs(side, certificates) as (stream, peer):
        writing = stream.write(data)
        await peer.handshake()
        assert await peer.read_exactly(len(data)) == data
        await within(writing)


async def test_close_after_writing_waits_for_it(side: str, certificates: Certificates) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        stream.write(b"last words")
        stream.close_after_writing()
        await turns(5)
        assert not stream.closed()
        await peer.handshake()
        assert await peer.read_to_end() == b"last words"
        assert stream.closed()


async def test_handshake_and_records_octet_by_octet(side: str, certificates: Certificates) -> None:
    """Records are cut anywhere on their way."""
    async with ours_and_theirs(side, certificates) as (stream, peer):
        loop = asyncio.get_running_loop()
        whole = Peer.send

        async def drip() -> None:
            while peer._outgoing.pending:
                await whole(peer, peer._outgoing.read(1))
                await turns(1)

        peer._flush = drip  # type: ignore[method-assign]
        shaking = stream.wait_for_handshake()
        await peer.handshake()
        assert await within(shaking) is stream
        reading = stream.read_until(b"\n")
        await peer.send(b"line\n")
        await peer.send(b"rest")
        assert await within(reading) == b"line\n"
        assert await within(stream.read_bytes(4)) == b"rest"
        assert loop.is_running()


async def test_data_right_behind_the_handshake(certificates: Certificates) -> None:
    """The client's Finished and its first words come in one delivery."""
    async with ours_and_theirs("server", certificates) as (stream, peer):
        reading = stream.read_until(b"\n")
        held: list[bytes] = []
        whole = Peer.send

        async def hold() -> None:
            if peer.tls.version() is None:
                while peer._outgoing.pending:
                    await whole(peer, peer._outgoing.read())
            elif peer._outgoing.pending:
                held.append(peer._outgoing.read())

        peer._flush = hold  # type: ignore[method-assign]
        await peer.handshake()
        await peer.send(b"line\n")
        assert len(held) >= 2
        await whole(peer, b"".join(held))
        assert await within(reading) == b"line\n"


@pytest.mark.parametrize("style", ["future", "callback", "positional"])
async def test_wait_for_handshake(style: str, side: str, certificates: Certificates) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        for _ in range(2):  # the second time it is over
            if style == "future":
                future = stream.wait_for_handshake()
                assert future.done() is stream._handshake_done
                if not future.done():
                    with pytest.raises(RuntimeError, match="Already waiting"):
                        stream.wait_for_handshake()
                    await peer.handshake()
                assert await within(future) is stream
                continue
            called = asyncio.Event()
            arguments, keywords = ((called.set,), {}) if style == "positional" else ((), {"callback": called.set})
            assert stream.wait_for_handshake(*arguments, **keywords) is None
            assert not called.is_set()
            if not stream._handshake_done:
                with pytest.raises(RuntimeError, match="Already waiting"):
                    stream.wait_for_handshake(called.set)
                await peer.handshake()
            await within(called.wait())


@pytest.mark.parametrize("way", ["close", "garbage"])
async def test_callback_of_a_handshake_that_fails_isnt_called(
    way: str, side: str, certificates: Certificates, expect_log: Expect
) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        ends, called = Ends(stream), []
        stream.wait_for_handshake(lambda: called.append(1))
        await turns(3)
        if way == "close":
            peer.close()
        else:
            expect_log("asynchttp.general", "^SSL Error on ", count=1)
            await Peer.send(peer, GARBAGE[0])
        await ends.once()
        assert called == []
        assert isinstance(stream.error, OSError)
        stream.wait_for_handshake(lambda: called.append(2))
        await turns()
        assert called == []


async def test_waiting_can_be_given_up_and_begun_again(side: str, certificates: Certificates) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.wait_for_handshake(), 0.01)
        assert not stream.closed()
        again = stream.wait_for_handshake()
        await peer.handshake()
        assert await within(again) is stream


async def test_protocol_by_alpn(side: str, certificates: Certificates) -> None:
    server, client = certificates.server(), certificates.client()
    ours, theirs = (server, client) if side == "server" else (client, server)
    for offered, wanted, agreed in ((["h2", "http/1.1"], ["http/1.1"], "http/1.1"), (["h2"], ["http/1.1"], None)):
        client.set_alpn_protocols(offered)
        server.set_alpn_protocols(wanted)
        async with ours_and_theirs(side, certificates, ours=ours, theirs=theirs) as (stream, peer):
            shaking = stream.wait_for_handshake()
            await peer.handshake()
            await within(shaking)
            assert stream.socket.selected_alpn_protocol() == peer.tls.selected_alpn_protocol() == agreed


async def test_certificate_by_the_name_that_the_client_asks_for(certificates: Certificates) -> None:
    others = certificates.server(certificates.authority.issue_cert("other.example"))
    asked: list[str | None] = []

    def by_name(tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        asked.append(name)
        if name == "other.example":
            tls.context = others

    context = certificates.server()
    context.sni_callback = by_name  # type: ignore[assignment]
    for name in ("localhost", "other.example"):
        async with ours_and_theirs("server", certificates, ours=context, hostname=name) as (stream, peer):
            shaking = stream.wait_for_handshake()
            await peer.handshake()
            await within(shaking)
            assert ("DNS", name) in peer.tls.getpeercert()["subjectAltName"]  # type: ignore[index]
    assert asked == ["localhost", "other.example"]


async def test_name_is_sent_also_when_nothing_is_verified(certificates: Certificates) -> None:
    context, asked = certificates.server(), []
    context.sni_callback = lambda tls, name, context: asked.append(name)  # type: ignore[assignment,return-value]
    options = {"cert_reqs": ssl.CERT_NONE}
    for name in ("localhost", "other.example"):
        async with ours_and_theirs("client", certificates, ours=options, theirs=context, hostname=name) as pair:
            shaking = pair[0].wait_for_handshake()
            await pair[1].handshake()
            await within(shaking)
            assert pair[0].socket.getpeercert() == {}  # not verified: nothing to be relied on
            assert pair[0].socket.getpeercert(True)
    assert asked == ["localhost", "other.example"]


# -- certificates


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("authority", "self.signed certificate in certificate chain|unable to get local issuer"),
        ("name", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("no name to check", "server_hostname"),
    ],
)
async def test_client_refuses_a_certificate(
    wrong: str, reason: str, certificates: Certificates, expect_log: Expect
) -> None:
    expect_log("asynchttp.general", rf"^SSL Error on \d+ \('127\.0\.0\.1', \d+\): .*({reason})", count=1)
    certificate = {
        "authority": certificates.stranger.issue_cert("localhost"),
        "expired": certificates.expired(),
    }.get(wrong)
    hostname = {"name": "other.example", "no name to check": ""}.get(wrong, "localhost")
    theirs = certificates.server(certificate)
    async with ours_and_theirs("client", certificates, theirs=theirs, hostname=hostname) as (stream, peer):
        if wrong == "no name to check":
            with pytest.raises(ValueError, match=reason):
                raise (await fails_for_everybody(stream, StreamClosedError)).real_error  # type: ignore[attr-defined]
            assert await peer.read_to_end() == b""
            return
        shaking = asyncio.create_task(peer.handshake())
        error = await fails_for_everybody(stream, ssl.SSLCertVerificationError)
        assert error.verify_code  # type: ignore[attr-defined]
        # The other side hears why, and nothing else.
        [told] = await asyncio.gather(shaking, return_exceptions=True)
        assert isinstance(told, ssl.SSLError)
        assert "ALERT" in str(told).upper()


async def test_server_hears_that_the_client_refused_it(certificates: Certificates, expect_log: Expect) -> None:
    expect_log("asynchttp.general", r"^SSL Error on \d+ \('127\.0\.0\.1', \d+\): .*alert", count=1)
    ours = certificates.server(certificates.stranger.issue_cert("localhost"))
    async with ours_and_theirs("server", certificates, ours=ours) as (stream, peer):
        shaking = asyncio.create_task(peer.handshake())
        await fails_for_everybody(stream, ssl.SSLError)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shaking


@pytest.mark.parametrize("form", ["context", "dict"])
@pytest.mark.parametrize("demand", ["none", "optional", "required"])
@pytest.mark.parametrize("shown", ["none", "good", "of a stranger"])
async def test_certificate_of_the_client(
    form: str, demand: str, shown: str, certificates: Certificates, expect_log: Expect, tmp_path: pathlib.Path
) -> None:
    level = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}[demand]
    ours: Any
    if form == "context":
        ours = certificates.server()
        certificates.authority.configure_trust(ours)
        ours.verify_mode = level
    else:
        certificates.certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server"))
        certificates.authority.cert_pem.write_to_path(str(tmp_path / "ca"))
        ours = {"certfile": str(tmp_path / "server"), "cert_reqs": level, "ca_certs": str(tmp_path / "ca")}
    authority = {"good": certificates.authority, "of a stranger": certificates.stranger}.get(shown)
    theirs = certificates.client(authority.issue_cert("client@example.org") if authority else None)
    refused = (demand == "required" and shown != "good") or (demand == "optional" and shown == "of a stranger")
    if refused:
        reason = "peer did not return a certificate" if shown == "none" else "certificate verify failed"
        expect_log("asynchttp.general", f"^SSL Error on .*{reason}", count=1)
    async with ours_and_theirs("server", certificates, ours=ours, theirs=theirs) as (stream, peer):
        shaking = asyncio.create_task(peer.handshake())
        if refused:
            await fails_for_everybody(stream, ssl.SSLError)
            await shaking  # with TLS 1.3 the client thinks that all is well, until it reads
            with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
                await peer.read_some()
            return
        assert await within(stream.wait_for_handshake()) is stream
        await shaking
        certificate = stream.socket.getpeercert()
        if demand == "none" or shown == "none":
            assert certificate is None
        else:
            assert ("email", "client@example.org") in certificate["subjectAltName"]


async def test_options_as_a_dict_for_a_client(
    certificates: Certificates, expect_log: Expect, tmp_path: pathlib.Path
) -> None:
    certificates.authority.cert_pem.write_to_path(str(tmp_path / "ca"))
    for options, good in (({"ca_certs": str(tmp_path / "ca")}, True), ({}, False)):
        async with ours_and_theirs("client", certificates, ours=options or {"ciphers": "DEFAULT"}) as (stream, peer):
            shaking = asyncio.create_task(peer.handshake())
            if good:
                await within(stream.wait_for_handshake())
                await shaking
                assert ("DNS", "localhost") in stream.socket.getpeercert()["subjectAltName"]
            else:  # the system's authorities don't know ours
                expect_log("asynchttp.general", "^SSL Error on .*certificate verify failed", count=1)
                await fails_for_everybody(stream, ssl.SSLCertVerificationError)
                await asyncio.gather(shaking, return_exceptions=True)


async def test_default_of_a_client_verifies(certificates: Certificates, expect_log: Expect) -> None:
    expect_log("asynchttp.general", "^SSL Error on .*certificate verify failed", count=1)
    ours, theirs = await tcp_pair()
    stream, peer = SSLIOStream(ours), TLSPeer(theirs, certificates.server(), True)
    stream._expect_server("localhost")
    shaking = asyncio.create_task(peer.handshake())
    await fails_for_everybody(stream, ssl.SSLCertVerificationError)
    await asyncio.gather(shaking, return_exceptions=True)
    peer.close()


async def test_connect_raises_what_is_wrong_with_the_certificate(
    certificates: Certificates, expect_log: Expect
) -> None:
    """Also in callback style the callback isn't called, and the close callback tells."""
    expect_log("asynchttp.general", "^SSL Error on .*Hostname mismatch", count=2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for callback in (False, True):
            stream = SSLIOStream(socket.socket(), ssl_options=certificates.client())
            ends = Ends(stream)
            called: list[int] = []
            if callback:
                stream.connect(listener.getsockname(), lambda called=called: called.append(1), "other.example")
            else:
                future = stream.connect(listener.getsockname(), server_hostname="other.example")
            peer = TLSPeer(listener.accept()[0], certificates.server(), True)
            with pytest.raises(ssl.SSLError):
                await peer.handshake()
            if not callback:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await within(future)
            await ends.once()
            assert isinstance(stream.error, ssl.SSLCertVerificationError)
            assert called == []
            peer.close()


async def test_connect_is_done_when_the_handshake_is(certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for arguments in (("localhost",), (None, "localhost")):
            stream = SSLIOStream(socket.socket(), ssl_options=certificates.client())
            connecting = stream.connect(listener.getsockname(), *arguments)
            peer = TLSPeer(listener.accept()[0], certificates.server(), True)
            await turns(10)
            assert not connecting.done()
            await peer.handshake()
            assert await within(connecting) is stream
            assert stream.socket.cipher()
            stream.close()
            peer.close()


# -- a peer that doesn't speak TLS, or stops


GARBAGE = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 100, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" * 9]


@pytest.mark.parametrize("garbage", GARBAGE, ids=["http", "nul", "ssh", "record"])
@pytest.mark.parametrize("pieces", [False, True])
async def test_garbage_instead_of_a_handshake(
    garbage: bytes, pieces: bool, side: str, certificates: Certificates, expect_log: Expect
) -> None:
    expect_log("asynchttp.general", r"^SSL Error on \d+ \('127\.0\.0\.1', \d+\): \[SSL", count=1)
    async with ours_and_theirs(side, certificates) as (stream, peer):
        failing = asyncio.create_task(fails_for_everybody(stream, ssl.SSLError))
        await turns(5)
        for piece in [garbage[i : i + 1] for i in range(len(garbage))] if pieces else [garbage]:
            if stream.closed():
                break
            await Peer.send(peer, piece)
            await turns(2)
        await failing
        answer = b""
        while piece := await within(read_raw(peer)):
            answer += piece
        assert b"secret" not in answer
        if garbage[:1] == b"\x16":  # to what isn't even a record OpenSSL says nothing
            assert answer[-7:-5] == b"\x15\x03"  # an alert


async def read_raw(peer: Peer) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(peer.sock, 65536)
    except ConnectionResetError:
        return b""


async def half_a_handshake(side: str, peer: TLSPeer) -> None:
    """As far as our first word, and half of the peer's answer."""
    try:
        peer.tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    if side == "client":
        peer._incoming.write(await within(read_raw(peer)))
        with pytest.raises(ssl.SSLWantReadError):
            peer.tls.do_handshake()
    hello = peer._outgoing.read()
    await Peer.send(peer, hello[: len(hello) // 2])


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
async def test_peer_that_leaves_during_the_handshake(
    way: str, half: bool, side: str, certificates: Certificates
) -> None:
    """A port scanner, a health check: no log record."""
    async with ours_and_theirs(side, certificates) as (stream, peer):
        failing = asyncio.create_task(fails_for_everybody(stream, StreamClosedError))
        await turns(5)
        if half:
            await half_a_handshake(side, peer)
            await turns(5)
        {"close": peer.close, "reset": peer.abort, "half-close": peer.shutdown_write}[way]()
        error = await failing
        assert isinstance(error.real_error, OSError)  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["close", "error"])
async def test_close_during_the_handshake(way: str, side: str, certificates: Certificates) -> None:
    reason = ValueError("why") if way == "error" else None
    for turns_before in (0, 1, 2, 5):
        async with ours_and_theirs(side, certificates) as (stream, peer):
            ends = Ends(stream)
            shaking, writing = stream.wait_for_handshake(), stream.write(b"secret")
            await turns(turns_before)
            stream.close(exc_info=reason or False)
            for future in (shaking, writing):
                with pytest.raises(StreamClosedError) as caught:
                    await within(future)
                assert caught.value.real_error is reason
            await ends.once()
            assert b"secret" not in await within(read_raw(peer))


async def test_peer_that_never_answers(side: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tls, "HANDSHAKE_TIMEOUT", 0.05)
    async with ours_and_theirs(side, certificates) as (stream, _):
        error = await fails_for_everybody(stream, StreamClosedError)
        assert isinstance(error.real_error, TimeoutError)  # type: ignore[attr-defined]
        assert "no TLS handshake within 0.05 s" in str(stream.error)


async def test_time_limit_of_a_handshake_that_is_over_is_over(side: str, certificates: Certificates) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        shaking = stream.wait_for_handshake()
        await turns()
        deadline = stream._layer._deadline  # type: ignore[union-attr]
        assert not deadline.cancelled()  # type: ignore[union-attr]
        await peer.handshake()
        await within(shaking)
        assert deadline.cancelled()  # type: ignore[union-attr]


async def test_failed_handshake_that_nobody_waits_for_is_silent(side: str, certificates: Certificates) -> None:
    async with ours_and_theirs(side, certificates) as (stream, peer):
        ends = Ends(stream)
        stream.write(b"secret")
        await turns(5)
        peer.abort()
        await ends.once()
        gc.collect()  # asyncio would log "exception was never retrieved"


# -- TLS that breaks when it is established


async def test_record_that_was_tampered_with(connect_tls: Any, expect_log: Expect) -> None:
    expect_log("asynchttp.general", r"^error on read: \[SSL", count=1)
    async with connect_tls() as (stream, peer):
        ends = Ends(stream)
        reading = stream.read_until(b"\n")
        peer.tls.write(b"line\n")
        record = bytearray(peer._outgoing.read())
        record[-1] ^= 1
        await Peer.send(peer, bytes(record))
        with pytest.raises(StreamClosedError) as caught:
            await within(reading)
        assert isinstance(caught.value.real_error, ssl.SSLError)
        await ends.once()


async def test_plain_text_behind_the_handshake(connect_tls: Any, expect_log: Expect) -> None:
    expect_log("asynchttp.general", r"^error on read: \[SSL", count=1)
    async with connect_tls() as (stream, peer):
        reading = stream.read_until(b"\n")
        await Peer.send(peer, b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(StreamClosedError) as caught:
            await within(reading)
        assert isinstance(caught.value.real_error, ssl.SSLError)


@pytest.mark.parametrize("goodbye", [True, False])
async def test_end_with_and_without_close_notify(goodbye: bool, connect_tls: Any) -> None:
    async with connect_tls() as (stream, peer):
        reading = stream.read_until_close()
        await peer.send(b"abc")
        if goodbye:
            peer.say_goodbye()
        peer.shutdown_write()
        assert await within(reading) == b"abc"
        assert stream.error is None


async def test_octets_behind_close_notify_are_dropped(connect_tls: Any) -> None:
    """They can't be TLS any more; nobody may fill our memory with them."""
    async with connect_tls() as (stream, peer):
        await peer.send(b"request\n")
        assert await within(stream.read_until(b"\n")) == b"request\n"
        peer.say_goodbye()
        await turns(5)
        for _ in range(50):
            await Peer.send(peer, b"x" * 65536)
            await turns(2)
        assert stream._transport._incoming.pending < 65536
        await within(stream.write(b"reply"))
        assert await peer.read_exactly(5) == b"reply"
        with pytest.raises(StreamClosedError):
            await within(stream.read_bytes(1))


async def test_new_keys_are_made_without_a_word(connect_tls: Any) -> None:
    """TLS 1.2 can renegotiate, which is refused; TLS 1.3 sends tickets behind the handshake."""
    async with connect_tls(tickets=2) as (stream, peer):
        await peer.send(b"abc")
        assert await within(stream.read_bytes(3)) == b"abc"
        await within(stream.write(b"abc"))
        assert await peer.read_exactly(3) == b"abc"


@pytest.fixture
def connect_tls(side: str, certificates: Certificates) -> Any:
    """An established connection, ours either side."""

    @asynccontextmanager
    async def connect(tickets: int = 0) -> AsyncIterator[tuple[SSLIOStream, TLSPeer]]:
        server = certificates.server()
        server.num_tickets = tickets
        contexts = {"ours" if side == "server" else "theirs": server}
        async with ours_and_theirs(side, certificates, **contexts) as (stream, peer):
            shaking = stream.wait_for_handshake()
            await peer.handshake()
            await within(shaking)
            yield stream, peer

    return connect
