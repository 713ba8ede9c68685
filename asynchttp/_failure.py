"""How the command line says that it can't go on."""

from typing import Final

__all__ = ["APPLICATION_FAILED", "FAILED", "USAGE", "Failure"]

#: Exit codes. 2 and 3 tell a supervisor not to try again: ``RestartPreventExitStatus=2 3``.
FAILED: Final = 1
USAGE: Final = 2
APPLICATION_FAILED: Final = 3


class Failure(Exception):
    """Ends the run: a line for stderr, which names what is to be changed, and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code
