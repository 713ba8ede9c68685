"""Listening sockets and TLS contexts."""

import errno
import os
import pathlib
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from asynchttp import netutil
from tests.support.processes import run_python

Bind = Callable[..., list[socket.socket]]


@pytest.fixture
def bind() -> Iterator[Bind]:
    """``bind_sockets`` whose sockets are closed at the end of the test."""
    opened: list[socket.socket] = []

    def bind_and_remember(*args: Any, **kwargs: Any) -> list[socket.socket]:
        sockets = netutil.bind_sockets(*args, **kwargs)
        opened.extend(sockets)
        return sockets

    yield bind_and_remember
    for sock in opened:
        sock.close()


def answer_with(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, Any]) -> None:
    """Let ``getaddrinfo`` find these for every name: what a test machine's /etc/hosts says isn't ours to choose."""
    found = [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)


V4, V6 = socket.AF_INET, socket.AF_INET6


class TestBindSockets:
    def test_sockets_listen_without_blocking_and_are_not_inherited(self, bind: Bind) -> None:
        for sock in bind(0, "127.0.0.1"):
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
            assert not sock.getblocking()
            assert not sock.get_inheritable()

    @pytest.mark.parametrize("address", [None, ""])
    def test_no_address_means_all_interfaces_of_both_families(self, bind: Bind, address: str | None) -> None:
        sockets = bind(0, address)
        assert [sock.getsockname()[0] for sock in sockets] == ["0.0.0.0", "::"]
        assert sockets[1].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)

    def test_port_0_is_the_same_port_for_all_families(self, bind: Bind) -> None:
        sockets = bind(0)
        assert len(sockets) == 2
        assert len({sock.getsockname()[1] for sock in sockets}) == 1

    def test_families_are_sorted(self, bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_with(monkeypatch, (V6, ("::1", 0, 0, 0)), (V4, ("127.0.0.1", 0)))
        assert [sock.family for sock in bind(0, "name")] == [V4, V6]

    def test_addresses_that_the_resolver_repeats_are_bound_once(
        self, bind: Bind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer_with(monkeypatch, *[(V4, ("127.0.0.1", 0))] * 3)
        assert len(bind(0, "localhost")) == 1

    def test_family_restricts(self, bind: Bind) -> None:
        assert [sock.family for sock in bind(0, None, V6)] == [V6]

    def test_flags_are_handed_to_the_resolver(self, bind: Bind) -> None:
        with pytest.raises(socket.gaierror):
            bind(0, "localhost", flags=socket.AI_NUMERICHOST)

    def test_backlog_is_in_force(self, bind: Bind) -> None:
        """Linux completes ``backlog + 1`` connections that nobody accepts, and no more."""
        [listener] = bind(0, "127.0.0.1", backlog=2)
        clients = [socket.socket() for _ in range(8)]
        try:
            for client in clients:
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            states = [client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for client in clients]
            assert states == [1] * 3 + [2] * 5  # established, SYN sent
        finally:
            for client in clients:
                client.close()

    def test_port_in_use_is_an_error_that_names_the_address(self, bind: Bind) -> None:
        port = bind(0, "127.0.0.1")[0].getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}: Address already") as info:
            bind(port, "127.0.0.1")
        assert info.value.errno == errno.EADDRINUSE

    def test_what_was_bound_before_the_failure_is_closed(self, bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
        taken = bind(0, "127.0.0.2")[0].getsockname()[1]
        answer_with(monkeypatch, (V4, ("127.0.0.1", taken)), (V4, ("127.0.0.2", taken)))
        with pytest.raises(OSError, match=r"127\.0\.0\.2"):
            bind(taken, "name")
        answer_with(monkeypatch, (V4, ("127.0.0.1", taken)))
        assert bind(taken, "name")

    def test_port_0_that_the_other_family_has_already_is_given_up(
        self, bind: Bind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = bind(0, "::1")[0].getsockname()[1]
        real_bind = netutil._bind
        first = True

        def bind_the_taken_port_first(address: Any, af: int, proto: int, where: Any, reuse: bool) -> Any:
            nonlocal first
            if first:
                first = False
                where = (where[0], taken, *where[2:])
            return real_bind(address, af, proto, where, reuse)

        monkeypatch.setattr(netutil, "_bind", bind_the_taken_port_first)
        answer_with(monkeypatch, (V4, ("127.0.0.1", 0)), (V6, ("::1", 0, 0, 0)))
        ports = {sock.getsockname()[1] for sock in bind(0, "name")}
        assert len(ports) == 1
        assert taken not in ports

    def test_reuse_port_lets_two_listen(self, bind: Bind) -> None:
        port = bind(0, "127.0.0.1", reuse_port=True)[0].getsockname()[1]
        assert bind(port, "127.0.0.1", reuse_port=True)[0].getsockname()[1] == port

    def test_reuse_port_without_support_is_a_value_error(self, bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(socket, "SO_REUSEPORT")
        with pytest.raises(ValueError, match="reuse_port"):
            bind(0, "127.0.0.1", reuse_port=True)

    def test_machine_without_ipv6_loopback_listens_on_localhost(
        self, bind: Bind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class NoIPv6Loopback(socket.socket):
            def bind(self, address: Any) -> None:
                if address[0] == "::1":
                    raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
                super().bind(address)

        monkeypatch.setattr(socket, "socket", NoIPv6Loopback)
        answer_with(monkeypatch, (V6, ("::1", 0, 0, 0)), (V4, ("127.0.0.1", 0)))
        assert [sock.getsockname()[0] for sock in bind(0, "localhost")] == ["127.0.0.1"]
        with pytest.raises(OSError, match=r"::1"):
            bind(0, "ip6-loopback")

    def test_nothing_to_listen_on_is_an_error(self, bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_with(monkeypatch, (2**15 - 1, ("somewhere", 0)))  # no such family
        with pytest.raises(OSError, match="no address to listen on for 'name', port 0"):
            bind(0, "name")

    def test_address_of_another_machine_is_an_error(self, bind: Bind) -> None:
        with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1 port 0") as info:
            bind(0, "192.0.2.1")
        assert info.value.errno == errno.EADDRNOTAVAIL

    def test_port_below_1024_without_the_right_is_a_permission_error(self) -> None:
        code = (
            "import os; from asynchttp.netutil import bind_sockets\n"
            "if os.getuid() == 0: os.setuid(65534)\n"
            "try: bind_sockets(1, '127.0.0.1')\n"
            "except PermissionError as error: print(error)\n"
            "else: print('unprivileged ports begin at 1')\n"
        )
        exit_code, out, err = run_python("-c", code)
        assert exit_code == 0, err
        assert "127.0.0.1 port 1" in out or "unprivileged" in out


class TestBindUnixSocket:
    def test_file_has_the_mode(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "socket"
        with netutil.bind_unix_socket(str(path), mode=0o640) as sock:
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            assert stat.S_ISSOCK(path.stat().st_mode)
            assert not sock.getblocking()
            assert not sock.get_inheritable()
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    def test_mode_is_private_by_default(self, tmp_path: pathlib.Path) -> None:
        with netutil.bind_unix_socket(tmp_path / "socket"):
            assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == 0o600

    def test_stale_socket_is_replaced(self, tmp_path: pathlib.Path) -> None:
        path = str(tmp_path / "socket")
        netutil.bind_unix_socket(path).close()
        with netutil.bind_unix_socket(path), socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    def test_another_kind_of_file_stays(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "precious"
        path.write_text("content")
        with pytest.raises(ValueError, match="precious' exists and is not a socket"):
            netutil.bind_unix_socket(str(path))
        assert path.read_text() == "content"

    @pytest.mark.parametrize("kind", [str, os.fsencode])
    def test_abstract_name_makes_no_file(
        self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[[str], Any]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        name = kind(f"\0asynchttp-test-{os.getpid()}")
        with netutil.bind_unix_socket(name), socket.socket(socket.AF_UNIX) as client:
            client.connect(name)
            assert not list(tmp_path.iterdir())
            with pytest.raises(OSError, match="in use"):
                netutil.bind_unix_socket(name)

    def test_path_that_cannot_be_bound_is_an_os_error(self, tmp_path: pathlib.Path) -> None:
        with pytest.raises(FileNotFoundError):
            netutil.bind_unix_socket(tmp_path / "missing" / "socket")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """``ssl_options`` of a server."""
    directory = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    issued.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    return {"certfile": str(directory / "cert.pem"), "keyfile": str(directory / "key.pem")}


class TestSSLOptions:
    def test_context_passes_through(self) -> None:
        context = ssl.create_default_context()
        assert netutil.ssl_options_to_context(context) is context

    @pytest.mark.parametrize("options", [{"cert_req": ssl.CERT_REQUIRED}, {"certfile": None, 1: 2}, "certfile"])
    def test_what_is_no_option_is_refused(self, options: Any) -> None:
        with pytest.raises(AssertionError, match="ssl_options"):
            netutil.ssl_options_to_context(options)

    def test_server_asks_for_no_certificate(self, certificate: dict[str, str]) -> None:
        context = netutil.ssl_options_to_context(certificate, server_side=True)
        assert context.protocol == ssl.PROTOCOL_TLS_SERVER
        assert context.verify_mode == ssl.CERT_NONE
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION

    def test_server_asks_for_a_certificate_when_told(self, certificate: dict[str, str]) -> None:
        ca_certs = str(pathlib.Path(certificate["certfile"]).with_name("ca.pem"))
        options = {**certificate, "cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca_certs}
        context = netutil.ssl_options_to_context(options, server_side=True)
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1

    def test_client_verifies_by_default(self) -> None:
        context = netutil.ssl_options_to_context({}, server_side=False)
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname

    def test_client_without_verification(self) -> None:
        context = netutil.ssl_options_to_context({"cert_reqs": ssl.CERT_NONE}, server_side=False)
        assert context.verify_mode == ssl.CERT_NONE
        assert not context.check_hostname

    def test_client_trusts_only_its_own_authorities(self, certificate: dict[str, str]) -> None:
        ca_certs = str(pathlib.Path(certificate["certfile"]).with_name("ca.pem"))
        context = netutil.ssl_options_to_context({"ca_certs": ca_certs}, server_side=False)
        assert len(context.get_ca_certs()) == 1

    def test_side_unknown_serves_both_and_warns_nobody(self, certificate: dict[str, str]) -> None:
        context = netutil.ssl_options_to_context(certificate)
        assert context.protocol == ssl.PROTOCOL_TLS
        assert context.verify_mode == ssl.CERT_NONE

    def test_old_programs_name_a_version(self, certificate: dict[str, str]) -> None:
        options = {**certificate, "ssl_version": ssl.PROTOCOL_SSLv23}
        assert netutil.ssl_options_to_context(options, server_side=True).protocol == ssl.PROTOCOL_TLS

    def test_ciphers(self, certificate: dict[str, str]) -> None:
        options = {**certificate, "ciphers": "ECDHE-RSA-AES128-GCM-SHA256"}
        context = netutil.ssl_options_to_context(options, server_side=True)
        older = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
        assert older == ["ECDHE-RSA-AES128-GCM-SHA256"]

    def test_none_is_as_good_as_absent(self) -> None:
        options = dict.fromkeys(["ssl_version", "certfile", "keyfile", "cert_reqs", "ca_certs", "ciphers"])
        context = netutil.ssl_options_to_context(options, server_side=False)
        assert context.verify_mode == ssl.CERT_REQUIRED

    def test_missing_file_is_an_os_error(self) -> None:
        with pytest.raises(FileNotFoundError):
            netutil.ssl_options_to_context({"certfile": "/nonexistent/cert.pem"}, server_side=True)

    def test_wrapped_sockets_shake_hands(self, authority: trustme.CA, certificate: dict[str, str]) -> None:
        client_context = ssl.create_default_context()
        authority.configure_trust(client_context)
        left, right = socket.socketpair()
        client = netutil.ssl_wrap_socket(
            left, client_context, server_hostname="localhost", do_handshake_on_connect=False
        )
        server = netutil.ssl_wrap_socket(right, certificate, server_side=True, do_handshake_on_connect=False)
        with client, server:
            client.setblocking(False)
            server.setblocking(False)
            unfinished = [client, server]
            for _ in range(20):
                for side in list(unfinished):
                    try:
                        side.do_handshake()
                    except ssl.SSLWantReadError:
                        continue
                    unfinished.remove(side)
            assert not unfinished
            peer = client.getpeercert()
            assert peer is not None
            assert peer["subjectAltName"] == (("DNS", "localhost"),)

    def test_default_contexts_are_made_once(self) -> None:
        assert netutil._client_ssl_defaults() is netutil._client_ssl_defaults()
        assert netutil._client_ssl_defaults().verify_mode == ssl.CERT_REQUIRED
        assert netutil._server_ssl_defaults() is netutil._server_ssl_defaults()
        assert netutil._server_ssl_defaults().verify_mode == ssl.CERT_NONE


def test_close_exec() -> None:
    read_end, write_end = os.pipe()
    try:
        os.set_inheritable(read_end, True)
        netutil.set_close_exec(read_end)
        assert not os.get_inheritable(read_end)
    finally:
        os.close(read_end)
        os.close(write_end)


def test_names_that_moved_are_found_on_demand() -> None:
    code = (
        "import sys; from asynchttp import netutil\n"
        "assert 'asynchttp.tcpserver' not in sys.modules and 'asynchttp.iostream' not in sys.modules\n"
        "from asynchttp.netutil import TCPServer, IOLoop, IOStream\n"
        "assert TCPServer.__module__ == 'asynchttp.tcpserver' and IOStream.__module__ == 'asynchttp.iostream'\n"
    )
    exit_code, _, err = run_python("-c", code)
    assert exit_code == 0, err
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = netutil.nonsense
