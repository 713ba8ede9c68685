"""Context managers that asynchronous callbacks re-enter, as in Tornado 2 to 5.

Programs that need not run there have ``contextvars`` instead, which work with everything in this package.

Source: Tornado 5.1 ``tornado.stack_context``.
"""

from asynchttp._legacy.contexts import (
    ExceptionStackContext,
    NullContext,
    StackContext,
    StackContextInconsistentError,
    run_with_stack_context,
    wrap,
)

__all__ = [
    "ExceptionStackContext",
    "NullContext",
    "StackContext",
    "StackContextInconsistentError",
    "run_with_stack_context",
    "wrap",
]
