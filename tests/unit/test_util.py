"""Tornado's helpers."""

import datetime
import doctest
import gzip
import random
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import asynchttp.util
from asynchttp.util import (
    ArgReplacer,
    Configurable,
    GzipDecompressor,
    ObjectDict,
    TimeoutError,
    basestring_type,
    bytes_type,
    errno_from_exception,
    exec_in,
    import_object,
    raise_exc_info,
    re_unescape,
    timedelta_to_seconds,
    unicode_type,
)


def test_code_in_docstrings_runs() -> None:
    result = doctest.testmod(asynchttp.util)
    assert result.attempted > 0
    assert result.failed == 0


def test_type_names_of_both_pythons() -> None:
    assert (bytes_type, unicode_type, basestring_type) == (bytes, str, str)


def test_timeout_error_is_the_builtin() -> None:
    assert TimeoutError is __builtins__["TimeoutError"]  # type: ignore[index]  # a dict in imported modules


def test_timedelta_to_seconds() -> None:
    assert timedelta_to_seconds(datetime.timedelta(minutes=1, milliseconds=500)) == 60.5


# ---- ObjectDict


def test_object_dict_keys_are_attributes() -> None:
    values = ObjectDict(a=1)
    values.b = 2
    assert (values.a, values["b"], dict(values)) == (1, 2, {"a": 1, "b": 2})


def test_object_dict_missing_attribute() -> None:
    with pytest.raises(AttributeError, match=r"^missing$"):
        ObjectDict().missing  # noqa: B018


# ---- import_object


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sys", "sys.modules['sys']"),
        ("os.path", "os.path"),
        ("asynchttp.util", "asynchttp.util"),
        ("asynchttp.util.ObjectDict", "asynchttp.util.ObjectDict"),
    ],
)
def test_import_object(name: str, expected: str) -> None:
    assert import_object(name) is eval(expected, {"sys": sys, "os": __import__("os"), "asynchttp": asynchttp})


def test_import_object_imports_a_module_that_its_package_does_not() -> None:
    assert import_object("xml.dom.minidom").__name__ == "xml.dom.minidom"


def test_import_object_without_such_a_member() -> None:
    with pytest.raises(ImportError, match=r"No module named nothing in asynchttp\.util"):
        import_object("asynchttp.util.nothing")


def test_import_object_keeps_the_error_of_a_module_that_imports_in_vain(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package").mkdir()
    (tmp_path / "broken_package" / "__init__.py").touch()
    (tmp_path / "broken_package" / "inner.py").write_text("import not_to_be_found")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_to_be_found"):
        import_object("broken_package.inner")


def test_exec_in_runs_text_and_code() -> None:
    names: dict[str, Any] = {}
    exec_in("a = 1", names)
    exec_in(compile("b = a + 1", "<test>", "exec"), names)
    assert (names["a"], names["b"]) == (1, 2)


# ---- exceptions


def test_raise_exc_info_keeps_object_and_traceback() -> None:
    class TwoArguments(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__()

    try:
        raise TwoArguments(1, 2)
    except TwoArguments:
        exc_info = sys.exc_info()
    with pytest.raises(TwoArguments) as caught:
        raise_exc_info(exc_info)
    assert caught.value is exc_info[1]
    assert caught.traceback[-1].name == "test_raise_exc_info_keeps_object_and_traceback"


def test_raise_exc_info_without_exception() -> None:
    with pytest.raises(TypeError, match="no exception"):
        raise_exc_info((None, None, None))


@pytest.mark.parametrize(
    ("error", "errno"), [(OSError(13, "no"), 13), (OSError(), None), (Exception(7, "x"), 7), (Exception(), None)]
)
def test_errno_from_exception(error: Exception, errno: int | None) -> None:
    assert errno_from_exception(error) == errno


# ---- re_unescape


@pytest.mark.parametrize("text", ["", "plain", "/a.b*c", "a b\n\\", "ü[^-]", "\x00"])
def test_re_unescape_undoes_escape(text: str) -> None:
    assert re_unescape(re.escape(text)) == text


@pytest.mark.parametrize("text", [r"\d", r"a\bc", r"\1"])
def test_re_unescape_refuses_what_escape_never_writes(text: str) -> None:
    with pytest.raises(ValueError, match="cannot unescape"):
        re_unescape(text)


# ---- Configurable


class Family(Configurable):
    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return Family

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return First


class First(Family):
    def initialize(self, place: Any = None, a: Any = None) -> None:  # type: ignore[override]  # each has its own
        self.seen = (place, a)


class Second(Family):
    def initialize(self, b: Any = None) -> None:  # type: ignore[override]  # each has its own
        self.seen = b


class Inner(Family):
    """A member that is a family itself."""

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return Inner

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return InnerFirst


class InnerFirst(Inner):
    def initialize(self, c: Any = None) -> None:  # type: ignore[override]  # each has its own
        self.seen = c


@pytest.fixture(autouse=True)
def same_configuration() -> Iterator[None]:
    saved, inner = Family._save_configuration(), Inner._save_configuration()
    yield
    Family._restore_configuration(saved)
    Inner._restore_configuration(inner)


def make(cls: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return cls(*args, **kwargs)


def test_configurable_default_class() -> None:
    assert type(make(Family)) is First
    assert make(Family, 1, a=2).seen == (1, 2)


@pytest.mark.parametrize("by_name", [False, True])
def test_configured_class(by_name: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_test", sys.modules[__name__])
    Family.configure("a_test.Second" if by_name else Second)
    assert type(make(Family)) is Second


def test_configured_arguments_are_defaults() -> None:
    Family.configure(None, a=3)
    assert make(Family).seen == (None, 3)
    assert make(Family, a=4).seen == (None, 4)


def test_configured_arguments_are_for_the_base_only() -> None:
    Family.configure(First, a=3)
    assert make(First).seen == (None, None)


def test_configured_class_may_be_a_family() -> None:
    Family.configure(Inner)
    assert type(make(Family)) is InnerFirst


def test_inner_family_keeps_its_own_choice() -> None:
    Family.configure(Second)
    assert type(make(Inner)) is InnerFirst


def test_configure_refuses_another_class() -> None:
    with pytest.raises(ValueError, match="Invalid subclass"):
        Family.configure(dict)  # type: ignore[arg-type]  # the point of the test


def test_configured_class_tells() -> None:
    assert Family.configured_class() is First
    Family.configure(Second)
    assert Family.configured_class() is Second


# ---- ArgReplacer


def call(first: int, callback: Any = None, *rest: Any, named: Any = None) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("args", "kwargs", "old", "new_args", "new_kwargs"),
    [
        ((1, "old"), {}, "old", [1, "new"], {}),
        ((1, "old", 2), {}, "old", [1, "new", 2], {}),
        ((1,), {"callback": "old"}, "old", [1], {"callback": "new"}),
        ((1,), {"named": 2}, None, [1], {"named": 2, "callback": "new"}),
    ],
)
def test_arg_replacer(args: Any, kwargs: Any, old: Any, new_args: Any, new_kwargs: Any) -> None:
    replacer = ArgReplacer(call, "callback")
    assert replacer.get_old_value(args, kwargs) == old
    found, changed_args, changed_kwargs = replacer.replace("new", args, kwargs)
    assert (found, list(changed_args), changed_kwargs) == (old, new_args, new_kwargs)


def test_arg_replacer_default() -> None:
    assert ArgReplacer(call, "callback").get_old_value((1,), {}, "default") == "default"


def test_arg_replacer_counts_no_keyword_only_argument() -> None:
    assert ArgReplacer(call, "named").get_old_value((1, 2, 3), {"named": 4}) == 4


# ---- gzip


def inflate(data: bytes, read_size: int, max_length: int) -> bytes:
    inflater = GzipDecompressor()
    result = b""
    for start in range(0, len(data), read_size):
        chunk = data[start : start + read_size]
        while chunk:
            piece = inflater.decompress(chunk, max_length)
            assert not max_length or len(piece) <= max_length
            result += piece
            chunk = inflater.unconsumed_tail
    return result + inflater.flush()


NOISE = random.Random(1).randbytes(3000)


@pytest.mark.parametrize("max_length", [0, 1, 100, 3000, 70_000])
@pytest.mark.parametrize("read_size", [1, 10, 5000])
@pytest.mark.parametrize("parts", [[NOISE], [b""], [b"spam " * 1000, b"", NOISE, b"x"]])
def test_gzip_members(parts: list[bytes], read_size: int, max_length: int) -> None:
    assert inflate(b"".join(map(gzip.compress, parts)), read_size, max_length) == b"".join(parts)


def test_gzip_nothing_is_complete() -> None:
    assert GzipDecompressor().flush() == b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<html>", id="other"),
        pytest.param(zlib.compress(b"spam"), id="zlib"),
        pytest.param(gzip.compress(NOISE)[:-1], id="cut"),
        pytest.param(gzip.compress(b"") + b"\0", id="trailing-octet"),
        pytest.param(gzip.compress(b"") + b"\r\n", id="trailing-line-end"),
    ],
)
@pytest.mark.parametrize("read_size", [1, 5000])
def test_gzip_refuses(data: bytes, read_size: int) -> None:
    with pytest.raises(zlib.error):
        inflate(data, read_size, 100)


def test_gzip_flush_does_not_inflate_what_was_left() -> None:
    inflater = GzipDecompressor()
    inflater.decompress(gzip.compress(bytes(1_000_000)), 10)
    with pytest.raises(ValueError, match="unconsumed_tail"):
        inflater.flush()
