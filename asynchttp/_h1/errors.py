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

from asynchttp import _reasons

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
        reason: under which it is counted; default: that of the class.

    Source: Tornado ``httputil.HTTPInputError``.
    """

    status = 400
    reason = _reasons.BAD_REQUEST

    def __init__(
        self, message: str = "", evidence: bytes | str | None = None, *, reason: _reasons.Reason | None = None
    ) -> None:
        super().__init__(message if evidence is None else f"{message}: {sample(evidence)}")
        self.public = message
        if reason is not None:
            self.reason = reason


class RequestTimeoutError(HTTPInputError):
    """The peer took longer to send its message than the server waits.  RFC 9110 §15.5.9."""

    status = 408
    reason = _reasons.HEADER_TIMEOUT


class BodyTooLargeError(HTTPInputError):
    """The body is larger than ``max_body_size``.  RFC 9110 §15.5.14."""

    status = 413
    reason = _reasons.BODY_TOO_LARGE


class URITooLongError(HTTPInputError):
    """The request line alone is larger than ``max_header_size``.  RFC 9110 §15.5.15."""

    status = 414
    reason = _reasons.TARGET_TOO_LONG


class ExpectationFailedError(HTTPInputError):
    """``Expect`` asks for something that isn't ``100-continue``.  RFC 9110 §10.1.1."""

    status = 417
    reason = _reasons.EXPECTATION


class HeadTooLargeError(HTTPInputError):
    """The head is larger than ``max_header_size`` or has more fields than ``max_header_count``.  RFC 6585 §5."""

    status = 431
    reason = _reasons.HEAD_TOO_LARGE


class UnsupportedCodingError(HTTPInputError):
    """A transfer coding that we don't know.  RFC 9112 §6.1."""

    status = 501
    reason = _reasons.CODING_UNSUPPORTED


class UnsupportedVersionError(HTTPInputError):
    """A major version other than 1.  RFC 9110 §15.6.6."""

    status = 505
    reason = _reasons.VERSION_UNSUPPORTED


class HTTPOutputError(Exception):
    """Our own application broke the protocol.  Source: Tornado ``httputil.HTTPOutputError``."""
