"""granian, one worker process on uvloop, with a bare ASGI or RSGI application."""

from granian import Granian
from granian.constants import Interfaces, Loops

from bench.servers._start import BACKLOG, listening_socket, options, say_ready


def main() -> None:
    given = options(__doc__, interface=("rsgi", "asgi"))
    with listening_socket(given.port) as sock:  # granian can't be given a socket, and doesn't tell its port
        port = sock.getsockname()[1]
    say_ready(port)
    Granian(
        f"bench.servers.hello_asgi:{given.interface}",
        address="127.0.0.1",
        port=port,
        interface=Interfaces(given.interface),
        loop=Loops(given.loop),
        workers=1,
        websockets=False,
        backlog=BACKLOG,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
