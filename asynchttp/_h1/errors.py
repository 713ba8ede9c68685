"""The errors of the protocol: who is at fault decides the type.

::

    ├── HTTPInputError              400  the peer broke the protocol; .status is what a server should answer
    │   ├── RequestTimeoutError     408  it took too long to send
    │   ├── BodyTooLargeError       413
    │   ├── URITooLongError         414
    │   ├── ExpectationFailedError  417
    │   ├── HeadTooLargeError       431
    │   ├── UnsupportedCodingError  501
    │   └── UnsupportedVersionError 505
    └── HTTPOutputError                  our application broke it (a body longer than Content-Length …)
"""

__all__ = [
    "BodyTooLargeError",
    "ExpectationFailedError",
    "HTTPInputError",
    "HTTPOutputError",
    "HeadTooLargeError",
    "RequestTimeoutError",
    "URITooLongError",
    "UnsupportedCodingError",
    "UnsupportedVersionError",
]


def sample(octets: bytes | str, size: int = 40) -> str:
    """The first octets (or characters) as evidence for an error message, escaped: they can't harm log or terminal."""
    return repr(octets[:size]) + ("…" if len(octets) > size else "")


class HTTPInputError(Exception):
    """The peer broke the protocol.

    ``status`` is the status code that a server should answer with.

    Args:
        message: the fact and the bound, in one line; kept as ``public``, for the peer may read it.
        evidence: what the peer sent. A short, escaped sample of it ends the text of the error, which is for the log.

    Source: Tornado ``httputil.HTTPInputError``.
    """

    status = 400

    def __init__(self, message: str = "", evidence: bytes | str | None = None) -> None:
        super().__init__(message if evidence is None else f"{message}: {sample(evidence)}")
        self.public = message


class RequestTimeoutError(HTTPInputError):
    """The peer took longer to send its message than the server waits.  RFC 9110 §15.5.9."""

    status = 408


class BodyTooLargeError(HTTPInputError):
    """The body is larger than ``max_body_size``.  RFC 9110 §15.5.14."""

    status = 413


class URITooLongError(HTTPInputError):
    """The request line alone is larger than ``max_header_size``.  RFC 9110 §15.5.15."""

    status = 414


class ExpectationFailedError(HTTPInputError):
    """``Expect`` asks for something that isn't ``100-continue``.  RFC 9110 §10.1.1."""

    status = 417


class HeadTooLargeError(HTTPInputError):
    """The head is larger than ``max_header_size`` or has more fields than ``max_header_count``.  RFC 6585 §5."""

    status = 431


class UnsupportedCodingError(HTTPInputError):
    """A transfer coding that we don't know.  RFC 9112 §6.1."""

    status = 501


class UnsupportedVersionError(HTTPInputError):
    """A major version other than 1.  RFC 9110 §15.6.6."""

    status = 505


class HTTPOutputError(Exception):
    """Our own application broke the protocol.  Source: Tornado ``httputil.HTTPOutputError``."""
