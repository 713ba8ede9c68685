"""nginx with its pages as files, hello from its configuration: what a server without any Python does."""

import os
import resource
import tempfile
from pathlib import Path

from bench.servers._site import BODY, PAGES
from bench.servers._start import BACKLOG, PATIENCE, free_port, http_options, say_ready

_CONFIGURATION = """
daemon off;
{user}
worker_processes {workers};
error_log stderr warn;
pid {directory}/pid;
events {{ worker_connections {connections}; }}
http {{
    access_log {access_log};
    default_type text/plain;
    keepalive_requests 1000000000;
    keepalive_timeout {patience};
    sendfile on;
    open_file_cache max=16;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} {tls} backlog={backlog} {reuse_port};
        {certificate}
        root {directory};
        location = / {{ return 200 "{hello}"; }}
    }}
}}
"""

if __name__ == "__main__":
    given = http_options(__doc__)
    directory = Path(tempfile.mkdtemp())  # inside the one that the runner removes
    for path, body in PAGES.items():
        if path != "/":
            (directory / path[1:]).write_bytes(body)
    port = given.port or free_port()
    (directory / "conf").write_text(
        _CONFIGURATION.format(
            user="user root;" if os.getuid() == 0 else "",  # who may read the directory
            workers=given.workers,
            directory=directory,
            access_log="/dev/null" if given.access_log else "off",
            port=port,
            tls="ssl" if given.tls else "",
            backlog=BACKLOG,
            patience=PATIENCE,
            connections=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            reuse_port="reuseport" if given.workers > 1 else "",
            certificate=f"ssl_certificate {given.tls}; ssl_certificate_key {given.tls}; ssl_protocols TLSv1.3;"
            if given.tls
            else "",
            hello=BODY.decode(),
        )
    )
    say_ready(port)
    os.execvp("nginx", ["nginx", "-e", "stderr", "-p", str(directory), "-c", str(directory / "conf")])
