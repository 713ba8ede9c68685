"""What every HTTP server offers: pages of several sizes, an upload that is counted, a response in pieces."""

#: What ``/`` answers, and a server that wasn't asked for the whole site answers to everything.
BODY = b"Hello, world!"

#: By path.
PAGES: dict[str, bytes] = {
    "/": BODY,
    "/1k": b"x" * 1024,
    "/10k": b"x" * 10240,
    "/100k": b"x" * 102400,
    "/1m": b"x" * (1 << 20),
}

#: A POST: the answer is the number of octets of its body, in decimal digits.
UPLOAD = "/upload"

#: A response without a length, so many pieces each written by itself.
STREAM = "/stream"
PIECE = b"x" * 4096
PIECES = 16


def counted(octets: int) -> bytes:
    """The answer to an upload."""
    return b"%d" % octets


def classic(body: bytes) -> bytes:
    """A whole answer with as little head as Tornado's old demo had: for the servers that write their own octets."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)
