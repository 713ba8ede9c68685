"""The servers under test: each a small program, started as ``python -m bench.servers.NAME --port P``.

A server listens on 127.0.0.1, prints ``ready PORT`` and serves until it is killed. What they share is in
``_start.py``; which of them a run compares, and under which names, is the table in ``bench/catalog.py``.
"""
