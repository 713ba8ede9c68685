"""granian on uvloop, with a bare ASGI or RSGI application."""

import logging
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings

from bench.servers._asgi import NAMES
from bench.servers._start import BACKLOG, PATIENCE, free_port, http_options, say_ready

#: Its access log goes to its standard output, which nobody reads.
_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"access": {"format": "%(asctime)s %(message)s"}},
    "handlers": {
        "nowhere": {"class": "logging.FileHandler", "filename": "/dev/null", "formatter": "access"},
        "err": {"class": "logging.StreamHandler", "level": logging.WARNING},
    },
    "loggers": {
        "_granian": {"handlers": ["err"], "level": "INFO", "propagate": False},
        "granian.access": {"handlers": ["nowhere"], "level": "INFO", "propagate": False},
    },
}

#: It accepts no more connections than this, which it calls requests: as many as ``idle`` may ask for.
MANY = 100_000


def main() -> None:
    given = http_options(__doc__, interface=("rsgi", "asgi"))
    hello, site = NAMES[given.interface]
    port = free_port()
    say_ready(port)
    Granian(
        f"bench.servers._asgi:{site if given.site else hello}",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL if given.interface == "asgi" else Interfaces.RSGI,
        loop=Loops(given.loop),
        workers=given.workers,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=PATIENCE * 1000),
        backlog=BACKLOG,
        backpressure=MANY,
        log_enabled=given.access_log,
        log_access=given.access_log,
        log_dictconfig=_LOGS,
        ssl_cert=Path(given.tls) if given.tls else None,
        ssl_key=Path(given.tls) if given.tls else None,
        ssl_protocol_min=SSLProtocols.tls13,
    ).serve()


if __name__ == "__main__":
    main()
