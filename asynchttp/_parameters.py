"""What a connection has to know of its server's options."""

import dataclasses

__all__ = ["HTTP1ConnectionParameters"]


@dataclasses.dataclass(frozen=True)
class HTTP1ConnectionParameters:
    """What a connection has to know of its server's options.  Sizes in octets, times in seconds; ``None``: the default.

    Source: Tornado ``http1connection.HTTP1ConnectionParameters``, whose arguments come first and in its order.
    """

    no_keep_alive: bool = False
    #: input that waits behind an unfinished exchange before reading pauses, and the largest piece of body passed on
    chunk_size: int = 65536
    max_header_size: int = 65536
    #: from the first octet of a head to its last; and from accept, for a connection that sends nothing: 60
    header_timeout: float = None  # type: ignore[assignment]  # until __post_init__
    max_body_size: int = 104857600
    #: from a head to the end of its body; ``None``: no limit
    body_timeout: float | None = None
    #: undo ``Content-Encoding: gzip`` and ``deflate``
    decompress: bool = False
    #: between requests
    idle_connection_timeout: float = 75.0
    max_header_count: int = 100
    #: without the client taking one octet of what waits for it
    write_timeout: float = 60.0
    #: after an early last word: how long, and how much, is read and dropped
    linger_timeout: float = 1.0
    linger_size: int = 262144
    #: take a bare LF as line end in the heads of very old clients that send nothing else; never in chunked framing
    allow_bare_lf: bool = False
    #: cancel a coroutine handler whose client goes away before it has answered
    cancel_on_disconnect: bool = False

    #: of a client: ``header_timeout`` where it was given; a response may be long in coming
    response_timeout: float | None = dataclasses.field(init=False, default=None)

    #: the shortest of the times that may begin to run at any moment
    patience: float = dataclasses.field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "response_timeout", self.header_timeout)
        if self.header_timeout is None:
            object.__setattr__(self, "header_timeout", 60.0)
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is None:
                object.__setattr__(self, field.name, field.default)
        times = (self.header_timeout, self.idle_connection_timeout, self.body_timeout)
        object.__setattr__(self, "patience", min(time for time in times if time is not None))

    @property
    def shortest_limit(self) -> float:
        """The shortest of the times, in seconds."""
        limits = (
            self.header_timeout,
            self.idle_connection_timeout,
            self.body_timeout,
            self.write_timeout,
            self.linger_timeout,
        )
        return min(limit for limit in limits if limit)
