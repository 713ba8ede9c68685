"""Coverage-guided fuzzing of what reads a peer's octets, by atheris (``pip install asynchttpd[fuzz]``).

::

    python -m tests.fuzz.head        heads, pipelined requests and their bodies, through the engine
    python -m tests.fuzz.chunked     the chunked coding
    python -m tests.fuzz.multipart   forms in multipart/form-data

Each runs until it is stopped, or for ``--time`` seconds, and stops at the first input that breaks a promise of its
target (see ``targets``). That input goes into ``tests/conformance/corpus``, with a name that tells what it was:
``tests/conformance/test_corpus.py`` tries it from then on, without atheris.
"""
