"""Where records go: handlers, formats, and configuration from files."""

import contextlib
import io
import json
import logging
import pathlib
import sys
from collections.abc import Iterator

import pytest

from asynchttp import _logging
from asynchttp._loghandlers import AccessFileHandler

NAMES = ("asynchttp.general", "asynchttp.application", "asynchttp.access", "asynchttp")


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """As they were, afterwards."""
    every = [logging.root, *map(logging.getLogger, NAMES)]
    before = [(logger, logger.level, logger.propagate, [*logger.handlers]) for logger in every]
    yield
    _logging.reset()
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@contextlib.contextmanager
def bare_root() -> Iterator[None]:
    """The root logger of a program that has just begun; pytest has handlers of its own, while a test runs."""
    of_pytest = [*logging.root.handlers]
    logging.root.handlers.clear()
    try:
        yield
    finally:
        _logging.reset()
        logging.root.handlers[:] = of_pytest


def test_general_records_go_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with bare_root():
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        _logging.configure("info")
        _logging.configure("info")  # again: not twice
        logging.getLogger("asynchttp.general").info("hello %s", "world")
        logging.getLogger("asynchttp.general").debug("not this")
        (line,) = sys.stderr.getvalue().splitlines()  # type: ignore[attr-defined]
        assert line.endswith(" INFO asynchttp.general: hello world")


def test_json_says_all_that_a_record_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with bare_root():
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        _logging.configure("info", as_json=True)
        try:
            raise ValueError("x\ny")
        except ValueError:
            logging.getLogger("asynchttp.general").info("a\nb", exc_info=True, extra={"reason": "host_missing"})
        (line,) = sys.stderr.getvalue().splitlines()  # type: ignore[attr-defined]
        fields = json.loads(line)
        assert fields.pop("timestamp").endswith("Z")
        assert fields.pop("exception").endswith("ValueError: x\ny")
        assert fields == {"level": "INFO", "logger": "asynchttp.general", "message": "a\nb", "reason": "host_missing"}


def test_access_log_in_a_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "access.log"
    _logging.configure(access_file=str(path))
    logger = logging.getLogger("asynchttp.access")
    logger.info("one")
    logger.info("two")
    (handler,) = (each for each in logger.handlers if isinstance(each, AccessFileHandler))
    assert path.read_text() == "one\ntwo\n"
    _logging.configure(access_file=None)
    assert handler not in logger.handlers
    assert logger.propagate


def test_application_that_has_set_up_logging_keeps_it(tmp_path: pathlib.Path) -> None:
    with bare_root():
        own = logging.NullHandler()
        logging.root.addHandler(own)
        _logging.configure("debug", file=str(tmp_path / "log"), force_level=False)
        assert logging.root.handlers == [own]
        assert logging.getLogger("asynchttp").level == logging.NOTSET


def test_log_in_a_file_that_may_be_rotated(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bare_root():
        monkeypatch.chdir(tmp_path)
        _logging.configure(file="log")
        logging.getLogger("asynchttp.general").info("hello")
        (handler,) = logging.root.handlers
        assert isinstance(handler, logging.FileHandler)
        assert handler.baseFilename == str(tmp_path / "log")
        assert (tmp_path / "log").read_text().endswith(" INFO asynchttp.general: hello\n")


def test_level_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        _logging.configure("loud")


SETTINGS = {
    "handlers": {"file": {"class": "logging.FileHandler", "filename": ""}},
    "loggers": {"asynchttp.general": {"level": "INFO", "handlers": ["file"]}},
}
TOML = """
[handlers.file]
class = "logging.FileHandler"
filename = "{}"
[loggers."asynchttp.general"]
level = "INFO"
handlers = ["file"]
"""
INI = """
[loggers]
keys=root,general
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
handlers=
[logger_general]
qualname=asynchttp.general
level=INFO
handlers=file
[handler_file]
class=FileHandler
args=("{}",)
formatter=plain
[formatter_plain]
format=%(message)s
"""


@pytest.mark.parametrize("kind", ["json", "toml", "ini"])
def test_configuration_from_a_file(kind: str, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    SETTINGS["handlers"]["file"]["filename"] = str(log)  # type: ignore[index]
    text = json.dumps(SETTINGS) if kind == "json" else (TOML if kind == "toml" else INI).format(log)
    config = tmp_path / f"logging.{kind}"
    config.write_text(text)
    other = logging.getLogger("asynchttp.application")
    root = [*logging.root.handlers]
    level = logging.root.level
    try:
        _logging.load_config(str(config))
        logging.getLogger("asynchttp.general").info("hello")
    finally:
        logging.root.handlers[:] = root
        logging.root.setLevel(level)
    assert log.read_text() == "hello\n"
    assert not other.disabled
    for handler in [*logging.getLogger("asynchttp.general").handlers]:
        if isinstance(handler, logging.FileHandler):
            handler.close()


@pytest.mark.parametrize(
    ("kind", "text"), [("json", "{"), ("json", "[]"), ("toml", "x"), ("ini", "x"), ("json", '{"handlers": {"a": {}}}')]
)
def test_file_that_makes_no_sense_is_named(kind: str, text: str, tmp_path: pathlib.Path) -> None:
    config = tmp_path / f"wrong.{kind}"
    config.write_text(text)
    with pytest.raises(ValueError, match=rf"wrong\.{kind}: "):
        _logging.load_config(str(config))
    with pytest.raises(FileNotFoundError):
        _logging.load_config(str(tmp_path / "nowhere"))
