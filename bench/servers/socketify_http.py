"""socketify: Python handlers on uWebSockets, which is C++. Its loop is its own."""

from typing import Any

from socketify import App, AppListenOptions, AppOptions  # type: ignore[import-untyped]

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted
from bench.servers._start import http_options, say_ready


def page(body: bytes) -> Any:
    def handler(response: Any, request: Any) -> None:
        response.end(body)

    return handler


async def upload(response: Any, request: Any) -> None:
    data = await response.get_data()
    response.end(counted(len(data.getvalue())))


def stream(response: Any, request: Any) -> None:
    for _ in range(PIECES):
        response.write(PIECE)
    response.end_without_body()


def main() -> None:
    given = http_options(__doc__)
    app = App(AppOptions(key_file_name=given.tls, cert_file_name=given.tls)) if given.tls else App()
    for path, body in PAGES.items():
        app.get(path, page(body))
    app.post(UPLOAD, upload)
    app.get(STREAM, stream)
    app.listen(AppListenOptions(port=given.port, host="127.0.0.1"), lambda config: say_ready(config.port))
    app.run()


if __name__ == "__main__":
    main()
