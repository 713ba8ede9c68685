"""``import asynchttp.web``, for which there is no file of ours: it is Tornado's, see :mod:`asynchttp._upper`."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["MODULES", "register"]

#: Modules of this package that are Tornado's, and their names there.
MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "_locale_data": "_locale_data",
        "_pretty_log": "log",
        "_wsgi_container": "wsgi",
        "auth": "auth",
        "autoreload": "autoreload",
        "curl_httpclient": "curl_httpclient",
        "escape": "escape",
        "httpclient": "httpclient",
        "locale": "locale",
        "locks": "locks",
        "options": "options",
        "platform.caresresolver": "platform.caresresolver",
        "platform.twisted": "platform.twisted",
        "queues": "queues",
        "routing": "routing",
        "simple_httpclient": "simple_httpclient",
        "template": "template",
        "testing": "testing",
        "web": "web",
        "websocket": "websocket",
    }
)


def register() -> None:
    """Let ``import`` find :data:`MODULES`."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class _Finder:
    """Finds :data:`MODULES`; asked last, when there is no file of ours."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        package, _, name = fullname.partition(".")
        if package != "asynchttp" or name not in MODULES:
            return None
        # Only now: whoever imports the package shall not pay for it.
        upper: Any = importlib.import_module("asynchttp._upper")
        spec: ModuleSpec | None = upper.spec_of(name)
        return spec
