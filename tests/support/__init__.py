"""Helpers of the test suite; each module is used by several directories and tested in ``test_*`` beside it.

============== ==============================================================================
``splits``     ``every_split``: all the ways in which one message may arrive
``rawclient``  ``RawClient``: sends exact octets, reads responses under a deadline
``servers``    ``run_server``: our HTTP server on port 0 of the running loop; ``free_port``
``processes``  ``start``: a real process, its output captured, its first lines awaited
``logs``       ``LogGuard``: a log record above ``INFO`` that nobody announced fails the test
============== ==============================================================================

The raw client has a parser of its own, on purpose: ours must not be judged by itself.
"""
