"""gunicorn, its threaded worker, with the Flask application."""

from typing import Any

from gunicorn.app.base import BaseApplication

from bench.servers._flask import THREADS, app
from bench.servers._start import BACKLOG, PATIENCE, http_options, listening_socket, say_ready

#: Above the connections that any measurement holds.
CONNECTIONS = 20000


class Gunicorn(BaseApplication):  # type: ignore[misc] # it has no types
    def load_config(self) -> None:
        sock = listening_socket(given.port)
        self.port = sock.getsockname()[1]
        settings: dict[str, Any] = {
            "bind": f"fd://{sock.detach()}",
            "workers": given.workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "keepalive": PATIENCE,
            "backlog": BACKLOG,
            "loglevel": "warning",
            "accesslog": "/dev/null" if given.access_log else None,
            "post_worker_init": self.tell,
        }
        if given.tls:
            settings |= {
                "certfile": given.tls,
                "keyfile": given.tls,
                "ssl_context": lambda config, default: given.context,
            }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return app

    def tell(self, worker: Any) -> None:
        if worker.age == given.workers:  # they are numbered as they start
            say_ready(self.port)


if __name__ == "__main__":
    given = http_options(__doc__)
    Gunicorn().run()
