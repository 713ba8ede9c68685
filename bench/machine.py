"""Where and with what a run was made: kept beside its figures, because they mean nothing elsewhere."""

import importlib.metadata
import os
import platform
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import asynchttp

_PACKAGES = (
    *("uvloop", "tornado", "aiohttp", "uvicorn", "httptools", "starlette", "gunicorn", "flask"),
    *("granian", "hypercorn", "h11", "sanic", "blacksheep", "socketify"),
)

#: Programs with the option that makes them say their version, and where in what they say it stands.
_TOOLS = {"node": ("-v", r"v(\S+)"), "nginx": ("-v", r"nginx/(\S+)"), "wrk": ("-v", r"wrk (?:debian/)?(\S+)")}


def machine() -> dict[str, object]:
    """Processor, cores, kernel."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "core_threads": _siblings(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Processor"):
            return value.strip()
    return platform.processor() or "unknown"


def _siblings() -> list[str]:
    """The hardware threads that share a core (``0-1``), as far as the kernel of a virtual machine knows."""
    files = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    return sorted({file.read_text().strip() for file in files})


def versions() -> dict[str, str]:
    """Interpreter, packages that are installed, and the commit of the checkout where git knows it."""
    found = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "asynchttp": asynchttp.__version__,
        "openssl": ssl.OPENSSL_VERSION.split()[1],
    }
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    for tool, (option, pattern) in _TOOLS.items():
        if path := shutil.which(tool):
            said = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
            if match := re.search(pattern, said.stdout + said.stderr):
                found[tool] = match[1]
    if commit := _commit():
        found["commit"] = commit
    return found


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        said = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
