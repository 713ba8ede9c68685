"""What TLS means here: the same settings for every server, and a generator that verifies them."""

import ssl
from dataclasses import dataclass

#: The one version of the protocol in use, so that no server can be quicker by speaking another.
VERSION = ssl.TLSVersion.TLSv1_3
VERSION_NAME = "TLS 1.3"


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files: ``chain`` is a server's key and certificates, ``authority`` whom to trust."""

    chain: str
    authority: str


def server_context(chain: str) -> ssl.SSLContext:
    """For every server: OpenSSL's defaults, one version, no client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = VERSION
    context.load_cert_chain(chain)
    return context


def client_context(authority: str) -> ssl.SSLContext:
    """For those who measure."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = context.maximum_version = VERSION
    return context
