"""TLS by the command line's flags: names, clients' certificates, reloading in place."""

import pathlib
import signal
import socket
import ssl
import time

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.integration.cli import refused, run, serve

CA = trustme.CA()
CERTIFICATES = {name: CA.issue_cert(name) for name in ("old.test", "new.test", "other.test")}
CLIENT = CA.issue_cert("client@example.org")


@pytest.fixture
def tls_dir(app_dir: pathlib.Path) -> pathlib.Path:
    write(app_dir, "old.test")
    CA.cert_pem.write_to_path(app_dir / "ca.pem")
    return app_dir


def write(directory: pathlib.Path, name: str, file: str = "server") -> None:
    certificate = CERTIFICATES[name]
    (directory / f"{file}.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(directory / f"{file}.key")


TLS = ("--ssl-certfile", "server.pem", "--ssl-keyfile", "server.key")


def client_context(certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    CA.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


def connect(port: int, name: str = "old.test", context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), 10)
    try:
        return (context or client_context()).wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def name_of(sock: ssl.SSLSocket) -> str:
    certificate = sock.getpeercert()
    assert certificate is not None
    return str(certificate["subjectAltName"][0][1])  # type: ignore[index,misc]


def ask(sock: ssl.SSLSocket) -> bytes:
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return body


def served_name(port: int, name: str = "old.test") -> str:
    with connect(port, name) as sock:
        assert ask(sock) == b"hello"
        return name_of(sock)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serves_https(tls_dir: pathlib.Path, workers: str) -> None:
    with serve(tls_dir, "app:hello", *TLS, "--workers", workers) as process:
        port = int(process.wait_for_line(r"listening on https://127\.0\.0\.1:(\d+) ")[1])
        assert served_name(port) == "old.test"
        assert process.stop() == 0


def test_names(tls_dir: pathlib.Path) -> None:
    write(tls_dir, "other.test", "other")
    with serve(tls_dir, "app:hello", *TLS, "--ssl-sni", "other.test=other.pem:other.key") as process:
        port = process.wait_for_port()
        assert [served_name(port, name) for name in ("other.test", "x.test")] == ["other.test", "old.test"]


def test_names_in_the_file(tls_dir: pathlib.Path) -> None:
    write(tls_dir, "other.test", "other")
    (tls_dir / "server.toml").write_text(
        "target = 'app:hello'\nport = 0\nssl-certfile = 'server.pem'\nssl-keyfile = 'server.key'\n"
        "[ssl-sni]\n'other.test' = {certfile = 'other.pem', keyfile = 'other.key'}\n"
    )
    with run(tls_dir, "--config", "server.toml") as process:
        assert served_name(process.wait_for_port(), "other.test") == "other.test"


def test_certificate_of_the_client(tls_dir: pathlib.Path) -> None:
    with serve(
        tls_dir, "app:tell_certificate", *TLS, "--ssl-ca-certs", "ca.pem", "--ssl-cert-reqs", "optional"
    ) as process:
        port = process.wait_for_port()
        with connect(port, context=client_context(CLIENT)) as sock:
            assert ask(sock) == b"{'email': 'client@example.org'}"
        with connect(port) as sock:
            assert ask(sock) == b"None"


def test_certificate_of_the_client_is_required(tls_dir: pathlib.Path) -> None:
    with serve(tls_dir, "app:tell_certificate", *TLS, "--ssl-ca-certs", "ca.pem", "--ssl-cert-reqs", "2") as process:
        port = process.wait_for_port()
        with connect(port, context=client_context(CLIENT)) as sock:
            assert ask(sock) == b"{'email': 'client@example.org'}"
        with pytest.raises((ssl.SSLError, OSError, IndexError)), connect(port) as sock:
            ask(sock)


def test_key_with_a_password(tls_dir: pathlib.Path) -> None:
    key = serialization.load_pem_private_key((tls_dir / "server.key").read_bytes(), None)
    (tls_dir / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"geheim"),
        )
    )
    with serve(tls_dir, "app:hello", *TLS, env={"ASYNCHTTP_SSL_KEYFILE_PASSWORD": "geheim"}) as process:
        assert served_name(process.wait_for_port()) == "old.test"
    for flags in ((), ("--ssl-keyfile-password", "wrong")):
        code, line = refused("app:hello", *TLS, *flags, cwd=tls_dir)
        assert code == 2
        assert line.startswith("--ssl-certfile: TLS files server.pem, server.key: ")


def test_hup_takes_new_certificates_without_dropping_a_connection(tls_dir: pathlib.Path, loop_name: str) -> None:
    with serve(tls_dir, "app:hello", *TLS, "--loop", loop_name) as process:
        port = process.wait_for_port()
        with connect(port) as before:
            assert ask(before) == b"hello"
            write(tls_dir, "new.test")
            process.send_signal(signal.SIGHUP)
            process.wait_for_line("Certificates reloaded", "stderr")
            assert served_name(port) == "new.test"
            assert ask(before) == b"hello"
        # A broken file changes nothing.
        (tls_dir / "server.pem").write_text("nothing")
        process.send_signal(signal.SIGHUP)
        process.wait_for_line("ERROR .*Certificates not reloaded.*server.pem", "stderr")
        assert served_name(port) == "new.test"
        assert process.stderr.count("not reloaded") == 1
        assert process.stop() == 0


def test_hup_with_workers_takes_new_certificates(tls_dir: pathlib.Path) -> None:
    with serve(tls_dir, "app:hello", *TLS, "--workers", "2") as process:
        port = process.wait_for_port()
        write(tls_dir, "new.test")
        process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        names = ["old.test"]
        while names[-10:] != ["new.test"] * 10 and time.monotonic() < end:
            names.append(served_name(port))
        assert names[-1] == "new.test"
        assert process.stop() == 0


def test_changed_files_are_taken(tls_dir: pathlib.Path) -> None:
    with serve(tls_dir, "app:hello", *TLS, "--ssl-reload", "0.1") as process:
        port = process.wait_for_port()
        write(tls_dir, "new.test")
        process.wait_for_line("Certificates reloaded", "stderr")
        assert served_name(port) == "new.test"


# What it says of wrong files


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--ssl-certfile", "none.pem"), "--ssl-certfile: cannot read none.pem"),
        ((*TLS[:2], "--ssl-keyfile", "none.key"), "--ssl-keyfile: cannot read none.key"),
        ((*TLS, "--ssl-ca-certs", "none.pem"), "--ssl-ca-certs: cannot read none.pem"),
        (("--ssl-certfile", "app.py"), "--ssl-certfile: TLS files app.py: "),
        ((*TLS[:2], "--ssl-keyfile", "app.py"), "--ssl-certfile: TLS files server.pem, app.py: "),
        (
            (*TLS[:2], "--ssl-keyfile", "wrong.key"),
            "--ssl-certfile: TLS files server.pem, wrong.key: KEY_VALUES_MISMATCH",
        ),
        ((*TLS, "--ssl-ca-certs", "app.py"), "--ssl-certfile: TLS files server.pem, server.key, app.py: "),
        ((*TLS, "--ssl-ciphers", "NONSENSE"), "--ssl-certfile: TLS files"),
        ((*TLS, "--ssl-sni", "a.test=none.pem"), '--ssl-sni: certfile "none.pem" does not exist'),
        ((*TLS, "--ssl-sni", "a.test=server.pem:wrong.key"), "--ssl-sni: TLS files server.pem, wrong.key: "),
    ],
)
def test_wrong_file_is_named(tls_dir: pathlib.Path, flags: tuple[str, ...], message: str, workers: str) -> None:
    CERTIFICATES["new.test"].private_key_pem.write_to_path(tls_dir / "wrong.key")
    code, line = refused("app:hello", *flags, "--workers", workers, "--port", "0", cwd=tls_dir)
    assert code == 2
    assert line.startswith(message)
