"""What a connection has to know of its server's options."""

import dataclasses

__all__ = ["HTTP1ConnectionParameters"]


@dataclasses.dataclass(frozen=True, slots=True)
class HTTP1ConnectionParameters:
    """What a connection has to know of its server's options.  Sizes in octets, times in seconds.

    Source: Tornado ``http1connection.HTTP1ConnectionParameters``, for the names that it has.
    """

    no_keep_alive: bool = False
    #: input that waits behind an unfinished exchange before reading pauses
    chunk_size: int = 65536
    max_header_size: int = 65536
    #: from the first octet of a head to its last; and from accept, for a connection that sends nothing
    header_timeout: float = 60.0
    max_body_size: int = 104857600
    #: from a head to the end of its body; ``None``: no limit
    body_timeout: float | None = None
    #: between requests
    idle_connection_timeout: float = 75.0
    max_header_count: int = 100
    #: without the client taking one octet of what waits for it
    write_timeout: float = 60.0
    #: after an early last word: how long, and how much, is read and dropped
    linger_timeout: float = 1.0
    linger_size: int = 262144
