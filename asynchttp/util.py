"""Small helpers under Tornado's names, for programs that import them; the package itself uses few of them.

Source: Tornado ``tornado.util``.
"""

import array
import builtins
import datetime
import importlib
import inspect
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, NoReturn, Self

__all__ = [
    "ArgReplacer",
    "Configurable",
    "GzipDecompressor",
    "ObjectDict",
    "TimeoutError",
    "basestring_type",
    "bytes_type",
    "errno_from_exception",
    "exec_in",
    "import_object",
    "raise_exc_info",
    "re_unescape",
    "timedelta_to_seconds",
    "unicode_type",
]

bytes_type = bytes
unicode_type = str
basestring_type = str

#: The builtin class, so that ``except TimeoutError`` and ``except asyncio.TimeoutError`` mean the same.
TimeoutError = builtins.TimeoutError


class ObjectDict(dict[str, Any]):
    """A dictionary whose string keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class GzipDecompressor:
    """Incremental reader of gzip data: one or more members, as ``Content-Encoding: gzip`` has them.  RFC 1952 §2.2.

    All methods raise ``zlib.error`` for octets that aren't gzip.
    """

    def __init__(self) -> None:
        self._inflater: Any = None  # of the present member
        self._tail = b""

    def decompress(self, value: bytes, max_length: int = 0) -> bytes:
        """Inflate ``value`` into at most ``max_length`` octets; 0 means no bound.

        What the bound left unread is in ``unconsumed_tail`` and must be given again.
        """
        output = bytearray()
        while value:
            if self._inflater is None or self._inflater.eof:
                # 16 added to the window size makes zlib expect the gzip wrapper.
                self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
            output += self._inflater.decompress(value, max_length - len(output) if max_length else 0)
            value = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if max_length and len(output) >= max_length:
                break
        self._tail = value
        return bytes(output)

    @property
    def unconsumed_tail(self) -> bytes:
        """The input that the last bounded ``decompress`` did not get to."""
        return self._tail

    def flush(self) -> bytes:
        """Check that the data are complete; return ``b""``, because nothing is ever held back.

        Raises:
            ValueError: the last ``unconsumed_tail`` wasn't given again.
            zlib.error: the last member isn't complete.
        """
        if self._tail:
            raise ValueError("flush before unconsumed_tail was decompressed")
        if self._inflater is not None and not self._inflater.eof:
            raise zlib.error("incomplete gzip data")
        return b""


def import_object(name: str) -> Any:
    """Return the module or the member of a module that a dotted name stands for.

    >>> import_object("os.path.join") is __import__("os").path.join
    True

    Raises:
        ImportError: there is no such module, or the module has no such member.
    """
    module_name, _, member = name.rpartition(".")
    if not module_name:
        return importlib.import_module(name)
    module = importlib.import_module(module_name)
    try:
        return getattr(module, member)
    except AttributeError:
        pass
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # the module is there, and something that it imports isn't
            raise
        raise ImportError(f"No module named {member} in {module_name}") from None


def exec_in(code: Any, glob: dict[str, Any], loc: Mapping[str, Any] | None = None) -> None:
    """Execute ``code`` (text or a code object) without handing down this module's ``__future__`` flags."""
    if isinstance(code, str):
        code = compile(code, "<string>", "exec", dont_inherit=True)
    exec(code, glob, loc)


def raise_exc_info(
    exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
) -> NoReturn:
    """Raise again what ``sys.exc_info()`` returned, with its traceback."""
    error = exc_info[1]
    try:
        if error is None:
            raise TypeError("raise_exc_info called with no exception")
        raise error.with_traceback(exc_info[2])
    finally:
        # The frame would keep the traceback, which keeps the frame.
        del exc_info, error


def errno_from_exception(e: BaseException) -> int | None:
    """Return the errno of an ``OSError`` or of whatever was raised in its style; ``None`` without one.

    >>> errno_from_exception(OSError(2, "gone")), errno_from_exception(OSError())
    (2, None)
    """
    errno: int | None = getattr(e, "errno", None)
    if errno is not None:
        return errno
    return e.args[0] if e.args else None


_alphanumeric = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_escape = re.compile(r"\\(.)", re.DOTALL)


def re_unescape(s: str) -> str:
    r"""Undo ``re.escape``.

    >>> re_unescape(re.escape("a.b/c")), re_unescape(r"a\.b")
    ('a.b/c', 'a.b')

    Raises:
        ValueError: ``s`` has an escape that ``re.escape`` never writes, such as ``\d``.
    """

    def literal(match: re.Match[str]) -> str:
        if match[1] in _alphanumeric:
            raise ValueError(f"cannot unescape {match[0]!r}")
        return match[1]

    return _escape.sub(literal, s)


def timedelta_to_seconds(td: datetime.timedelta) -> float:
    """``td.total_seconds()``, from the time before it existed."""
    return td.total_seconds()


class Configurable:
    """A base class whose constructor returns an instance of a subclass that was chosen at run time.

    ``Base.configure(Subclass, option=1)`` (or a dotted name) makes ``Base()`` return a ``Subclass``.
    Calling a subclass directly ignores what was configured. Instances are initialised by ``initialize``.
    """

    __impl_class: ClassVar[Any] = None
    __impl_kwargs: ClassVar[dict[str, Any] | None] = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        base = cls.configurable_base()
        options: dict[str, Any] = {}
        implementation: Any = cls
        if cls is base:
            implementation = cls.configured_class()
            options.update(base.__impl_kwargs or {})
        options.update(kwargs)
        if implementation.configurable_base() is not base:
            # The implementation is itself a configurable family.
            return implementation(*args, **options)  # type: ignore[no-any-return]  # a subclass of cls
        instance: Self = super().__new__(implementation)
        # Not __init__: Python calls that itself afterwards, with the arguments as the caller wrote them.
        instance.initialize(*args, **options)
        return instance

    @classmethod
    def configurable_base(cls) -> type["Configurable"]:
        """Return the class that the family is configured on: usually the one that defines this method."""
        raise NotImplementedError

    @classmethod
    def configurable_default(cls) -> type["Configurable"]:
        """Return the class to use while nothing was configured."""
        raise NotImplementedError

    # Typed as an attribute, so that each subclass may choose its own parameters.
    def _initialize(self) -> None:
        pass

    initialize: Callable[..., None] = _initialize

    @classmethod
    def configure(cls, impl: "str | type[Configurable] | None", **kwargs: Any) -> None:
        """Choose the class that the base's constructor makes, and defaults for its arguments.

        Args:
            impl: a subclass, its dotted name, or ``None`` for the default.

        Raises:
            ValueError: ``impl`` isn't a subclass.
        """
        base = cls.configurable_base()
        chosen: Any = import_object(impl) if isinstance(impl, str) else impl
        if chosen is not None and not (isinstance(chosen, type) and issubclass(chosen, cls)):
            raise ValueError(f"Invalid subclass of {cls}: {chosen!r}")
        base.__impl_class = chosen
        base.__impl_kwargs = kwargs

    @classmethod
    def configured_class(cls) -> type["Configurable"]:
        """Return the class that the constructor makes at present."""
        base = cls.configurable_base()
        # A family inside a family (see __new__) has its own choice, which it mustn't inherit from the outer one.
        if base.__dict__.get("_Configurable__impl_class") is None:
            base.__impl_class = cls.configurable_default()
        return base.__impl_class  # type: ignore[no-any-return]  # declared Any to be settable on any base

    @classmethod
    def _save_configuration(cls) -> tuple[Any, dict[str, Any] | None]:
        base = cls.configurable_base()
        return base.__impl_class, base.__impl_kwargs

    @classmethod
    def _restore_configuration(cls, saved: tuple[Any, dict[str, Any] | None]) -> None:
        base = cls.configurable_base()
        base.__impl_class, base.__impl_kwargs = saved


class ArgReplacer:
    """Find and replace one argument of a call, whether it was given by position or by keyword.

    For decorators that wrap one argument, such as a callback, of any function that has it.
    """

    def __init__(self, func: Callable[..., Any], name: str) -> None:
        self.name = name
        positional = self._positional_names(func)
        self.arg_pos = positional.index(name) if name in positional else None

    @staticmethod
    def _positional_names(func: Callable[..., Any]) -> list[str]:
        code = getattr(func, "func_code", None)  # Cython's functions, which inspect refuses
        if code is not None:
            return list(code.co_varnames[: code.co_argcount])
        # The wrapper's own parameters count, not those of what it wraps: its caller passes them.
        parameters = inspect.signature(func, follow_wrapped=False).parameters.values()
        return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]

    def get_old_value(self, args: Sequence[Any], kwargs: Mapping[str, Any], default: Any = None) -> Any:
        """Return the argument that the call has, else ``default``."""
        if self.arg_pos is not None and len(args) > self.arg_pos:
            return args[self.arg_pos]
        return kwargs.get(self.name, default)

    def replace(
        self, new_value: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[Any, Sequence[Any], dict[str, Any]]:
        """Return the old value, and the arguments with ``new_value`` in its place.

        ``kwargs`` is changed in place. An argument that the call omits is added by keyword, and ``None`` is
        its old value.
        """
        if self.arg_pos is not None and len(args) > self.arg_pos:
            changed = list(args)
            old_value, changed[self.arg_pos] = changed[self.arg_pos], new_value
            return old_value, changed, kwargs
        old_value = kwargs.get(self.name)
        kwargs[self.name] = new_value
        return old_value, args, kwargs


def _websocket_mask(mask: bytes, data: bytes) -> bytes:
    """Xor ``data`` with the four octets of ``mask``, repeated.  RFC 6455 §5.3.

    Raises: :exc:`ValueError` if ``mask`` is shorter or longer.
    """
    if len(mask) != 4:
        raise ValueError(f"a mask has 4 octets: {mask!r}")
    octets = len(data)
    repeated = array.array("B", (mask * (octets // 4 + 1))[:octets]).tobytes()
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(octets, "big")
