"""Node's http module, from ``node_http.js``: another language's way of the same idea, one thread with an event loop."""

import json
import os
from pathlib import Path

from bench.servers._site import PAGES, PIECE, PIECES, STREAM, UPLOAD
from bench.servers._start import BACKLOG, PATIENCE, http_options

if __name__ == "__main__":
    given = http_options(__doc__)
    order = {
        "port": given.port,
        "tls": given.tls,
        "workers": given.workers,
        "backlog": BACKLOG,
        "patience": PATIENCE,
        "pages": {path: body.decode() for path, body in PAGES.items() if len(body) <= 1024},
        "large": {path: len(body) for path, body in PAGES.items() if len(body) > 1024},
        "upload": UPLOAD,
        "stream": STREAM,
        "piece": len(PIECE),
        "pieces": PIECES,
    }
    script = Path(__file__).with_suffix(".js")
    os.execvp("node", ["node", str(script), json.dumps(order)])
