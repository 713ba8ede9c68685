"""A certificate for 127.0.0.1, made for one run and removed after it. trustme makes it, by means of cryptography."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.tls import Certificate
from bench.work import BenchError

try:
    import trustme
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
except ModuleNotFoundError:
    trustme = None  # type: ignore[assignment] # only TLS needs it


@contextlib.contextmanager
def certificate() -> Iterator[Certificate]:
    """An elliptic-curve certificate. Raises BenchError: trustme isn't installed."""
    if trustme is None:
        raise BenchError("TLS needs trustme, which is not installed")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        made = Certificate(str(Path(directory, "chain.pem")), str(Path(directory, "authority.pem")))
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        server = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
        # PKCS #8, the one form that all servers read; OpenSSL's own is not granian's.
        key = load_pem_private_key(server.private_key_pem.bytes(), None)
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        Path(made.chain).write_bytes(pkcs8 + b"".join(pem.bytes() for pem in server.cert_chain_pems))
        authority.cert_pem.write_to_path(made.authority)
        yield made
