"""Benchmarks: the same work done by asynchttp, by its peers and by a bare protocol, in one run on one core.

``python -m bench http`` and ``python -m bench echo`` run from the root of a checkout; ``README.md`` beside
this file says what is measured, what isn't, and how to repeat it.
"""
