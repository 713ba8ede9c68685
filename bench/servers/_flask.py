"""The site as a Flask application."""

from collections.abc import Iterator

from flask import Flask, Response, request

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD, counted

#: Of each server that runs it.
THREADS = 4

app = Flask(__name__)


def page() -> Response:
    return Response(PAGES[request.path], mimetype="text/plain")


for _path in PAGES:
    app.add_url_rule(_path, _path.replace("/", "page "), page)


@app.post(UPLOAD)
def upload() -> Response:
    octets = 0
    while piece := request.stream.read(65536):
        octets += len(piece)
    return Response(counted(octets), mimetype="text/plain")


def _pieces() -> Iterator[bytes]:
    for _ in range(PIECES):
        yield PIECE


@app.get(STREAM)
def stream() -> Response:
    return Response(_pieces(), mimetype="text/plain")
