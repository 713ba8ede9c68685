"""The three loggers of the package.

========================  ==========================================================================
``asynchttp.access``      one record per request, when an access log is asked for
``asynchttp.application`` user code failed: an exception in a handler or callback, with its traceback
``asynchttp.general``     all the rest; a mistake of a peer is ``INFO``, the operator's is ``WARNING``
========================  ==========================================================================

Source: Tornado ``tornado.log``.
"""

import logging

__all__ = ["access_log", "app_log", "gen_log"]

access_log = logging.getLogger("asynchttp.access")
app_log = logging.getLogger("asynchttp.application")
gen_log = logging.getLogger("asynchttp.general")
