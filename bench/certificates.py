"""A certificate for 127.0.0.1, made for one run and removed after it. trustme makes it, by means of cryptography."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.tls import Certificate
from bench.work import BenchError

try:
    import trustme
except ModuleNotFoundError:
    trustme = None  # type: ignore[assignment] # only --tls needs it


@contextlib.contextmanager
def certificate() -> Iterator[Certificate]:
    """An elliptic-curve certificate. Raises BenchError: trustme isn't installed."""
    if trustme is None:
        raise BenchError("--tls needs trustme, which is not installed")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        made = Certificate(str(Path(directory, "chain.pem")), str(Path(directory, "authority.pem")))
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        server = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
        server.private_key_and_cert_chain_pem.write_to_path(made.chain)
        authority.cert_pem.write_to_path(made.authority)
        yield made
