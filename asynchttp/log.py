"""The three loggers of the package.

========================  ==========================================================================
``asynchttp.access``      one record per request, when an access log is asked for
``asynchttp.application`` user code failed: an exception in a handler or callback, with its traceback
``asynchttp.general``     all the rest; a mistake of a peer is ``INFO``, the operator's is ``WARNING``
========================  ==========================================================================

Source: Tornado ``tornado.log``.
"""

import importlib
import logging
from typing import Any

__all__ = ["access_log", "app_log", "gen_log"]

access_log = logging.getLogger("asynchttp.access")
app_log = logging.getLogger("asynchttp.application")
gen_log = logging.getLogger("asynchttp.general")


def __getattr__(name: str) -> Any:
    """``LogFormatter`` and its company, which are Tornado's own (extra ``tornado``)."""
    if name in ("LogFormatter", "define_logging_options", "enable_pretty_logging"):
        return getattr(importlib.import_module("asynchttp._pretty_log"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
