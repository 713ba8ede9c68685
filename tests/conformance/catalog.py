"""All cases, found by the names of the modules."""

import importlib
import pkgutil
import re

import tests.conformance
from tests.conformance.case import Case

__all__ = ["CASES", "MODULES"]

#: name of a module -> the section that it is about, for example ``9112-7.1.1``
MODULES: dict[str, str] = {
    info.name: f"{match[1]}-{match[2].replace('_', '.')}"
    for info in pkgutil.iter_modules(tests.conformance.__path__)
    if (match := re.fullmatch(r"rfc([0-9]{4})_([0-9_]+)", info.name))
}


def _section_order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", name)]


CASES: list[Case] = [
    case
    for name in sorted(MODULES, key=_section_order)
    for case in importlib.import_module(f"tests.conformance.{name}").CASES
]
