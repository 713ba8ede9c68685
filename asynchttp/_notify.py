"""What systemd is told: that the service is ready, reloads, stops, and lives.

Without ``NOTIFY_SOCKET`` in the environment nothing is told, at no cost.
Source: the manual pages sd_notify(3) and sd_watchdog_enabled(3).
"""

import os
import re
import socket
import time
from collections.abc import MutableMapping

__all__ = ["Notifier"]


class Notifier:
    """Tells the service manager.

    Args:
        environment: loses the variables: they aren't for processes that the application starts.

    Attributes:
        period: seconds between two calls of :meth:`alive`; ``None``: nobody wants to know.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.period: float | None = None
        # Half of the limit, as the manual advises. One of centuries is none.
        if address and re.fullmatch("0*[1-9][0-9]{0,15}", microseconds) and pid in ("", str(os.getpid())):
            self.period = int(microseconds) / 2_000_000

    def ready(self) -> None:
        """Connections are accepted."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """A reload begins; :meth:`ready` ends it."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The orderly end begins."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """The event loop turns."""
        self._tell("WATCHDOG=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                sock.sendto(state.encode(), self._address)
            except OSError:  # the manager is gone or busy; it would be no help to fail for that
                pass
