"""Options as fields of records: metadata, checks, and the way to JSON and back. Knows no option by name."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, MISSING, Field, dataclass, fields
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, Union, get_args, get_origin, get_type_hints

from lipsmith.errors import InvalidOption
from lipsmith.limits import Range

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None

_LAZY_TYPES = {"MotionTrack": Path, "PersonalStyle": Path}
"""Annotations whose modules import numpy. Outside Python such an option is a file."""


@dataclass(frozen=True)
class Option:
    """Everything about one option that its type and default do not say."""

    help: str
    """Effect of the option, one sentence."""
    limits: Range | None = None
    _: KW_ONLY
    metavar: str | None = None
    """Name of the value in the command line's help; by default a letter for numbers."""
    flag: str | None = None
    """Name on the command line, where it is not the field's own without its unit."""
    short: str | None = None
    """One-letter name on the command line, with its dash."""
    default: str | None = None
    """Default in words, where the value alone does not tell."""
    former: tuple[str, ...] = ()
    """Earlier names, which are accepted with a warning for one release."""
    former_keys: tuple[tuple[str, str], ...] = ()
    """Earlier options, each with the key of this mapping that replaces it."""
    command_line: bool = True
    """False for options that the command line does not have. It never has functions."""


@dataclass(frozen=True, kw_only=True)
class OptionField:
    """One option of a record, with its name, type and default."""

    name: str
    type: Any
    """Resolved annotation, without the metadata."""
    option: Option
    default: Any
    """`dataclasses.MISSING` where a value is required."""
    positional: bool

    @property
    def flags(self) -> list[str]:
        """Spellings on the command line, the current one first."""
        names = (self.option.flag or re.sub(r"_(s|db)$", "", self.name), *self.option.former)
        return [f"--{name.replace('_', '-')}" for name in names]

    @property
    def metavar(self) -> str | None:
        """Name of the value in the command line's help."""
        letters = {float: "X", int: "N"}
        unit = "S" if self.name.endswith("_s") else "DB" if self.name.endswith("_db") else None
        return self.option.metavar or unit or next((letters[part] for part in self.parts if part in letters), None)

    @property
    def parts(self) -> tuple[Any, ...]:
        """Members of the type, where it is a union, else the type."""
        return _parts(self.type)

    @property
    def on_command_line(self) -> bool:
        """True if the command line has the option."""
        return self.option.command_line and not self._is_hook

    @property
    def is_stored(self) -> bool:
        """True if the option is part of a stored request: functions and paths of this machine are not."""
        return not self._is_hook and not any(get_origin(part) is os.PathLike for part in self.parts)

    @property
    def _is_hook(self) -> bool:
        return any(get_origin(part) is Callable for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of all requests. Values are checked when a record is made. Raises InvalidOption."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        for option in option_fields(type(self)):
            _check_value(option, getattr(self, option.name))
        for kept, message in self.rules():
            if not kept:
                raise InvalidOption(message)

    def rules(self) -> Iterator[tuple[bool, str]]:
        """Rules between options: whether each is kept, and the message where it is not."""
        return iter(())

    def to_json(self) -> dict[str, JsonValue]:
        """Stored options that differ from their defaults, as JSON values."""
        return {
            option.name: _to_json(value)
            for option in option_fields(type(self))
            if option.is_stored and (value := getattr(self, option.name)) != option.default
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], **paths: Any) -> Self:
        """Record from ``data`` (see `to_json`) and ``paths``, which are not stored.

        Raises InvalidOption for unknown options and for values out of their limits.
        """
        values = current_names(cls, {**data, **paths}, stacklevel=0)
        for field in option_fields(cls):
            inner = [part for part in _parts(field.type) if isinstance(part, type) and issubclass(part, Record)]
            if inner and isinstance(values.get(field.name), dict):
                values[field.name] = inner[0].from_json(values[field.name])
        return cls(**values)


def option_fields(record: type[Record]) -> tuple[OptionField, ...]:
    """All options of ``record``, in the order of its parameters."""
    return _option_fields(record)  # type: ignore[arg-type]  # a metaclass with __hash__ is hashable


@cache
def _option_fields(record: Any) -> tuple[OptionField, ...]:
    hints = get_type_hints(record, localns=_LAZY_TYPES, include_extras=True)
    found = []
    for field in fields(record):
        annotation, *metadata = get_args(hints[field.name])
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        [option] = (item for item in metadata if isinstance(item, Option))
        found.append(
            OptionField(
                name=field.name,
                type=annotation,
                option=option,
                default=default,
                positional=not field.kw_only,
            )
        )
    return tuple(sorted(found, key=lambda one: not one.positional))


def current_names(record: type[Record], values: Mapping[str, Any], *, stacklevel: int = 3) -> dict[str, Any]:
    """``values`` with former names of options replaced. With a ``stacklevel``, a former name gives a warning.

    Raises InvalidOption for a name that no option has or had.
    """
    fields = option_fields(record)
    known = {option.name: option.name for option in fields}
    known |= {name: option.name for option in fields for name in option.option.former}
    keys = {name: (option.name, key) for option in fields for name, key in option.option.former_keys}
    current: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known and name not in keys:
            raise InvalidOption(
                f"There is no option {name!r}. Use one of {', '.join(option.name for option in fields)}."
            )
        new = known.get(name) or "{}={{'{}': ...}}".format(*keys[name])
        if new != name and stacklevel:
            warnings.warn(f"The option {name} is called {new} now.", DeprecationWarning, stacklevel=stacklevel)
        if name in known:
            current[known[name]] = value
        elif value is not None:
            option, key = keys[name]
            current[option] = {**current.get(option, {}), key: value}
    return current


def choices_of(annotation: Any) -> tuple[str, ...]:
    """Allowed values where the annotation is a Literal, or a Literal or None; else nothing.

    >>> choices_of(Literal["calm", "lively"] | None)
    ('calm', 'lively')
    """
    for part in _parts(annotation):
        if get_origin(part) is Literal:
            return get_args(part)
    return ()


def is_number(value: object) -> bool:
    """Test for an int or float that is neither a bool nor NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _check_value(option: OptionField, value: object) -> None:
    if choices := choices_of(option.type):
        if value not in (*choices, option.default):
            raise InvalidOption(f"{option.name} is {value!r}. Choose one of {', '.join(map(str, choices))}.")
        return
    if not any(_is_a(part, value) for part in _parts(option.type)):
        wanted = " or ".join(_WORDS.get(part, "") or _name_of(part) for part in _parts(option.type))
        raise InvalidOption(f"{option.name} is {value!r}. Give {wanted}.")
    limits = option.option.limits
    if limits is not None and value is not None and value not in limits:
        raise InvalidOption(f"{option.name} is {value}. Give a value from {limits.low:g} to {limits.high:g}.")


_WORDS: Mapping[object, str] = {
    NoneType: "None",
    bool: "True or False",
    float: "a number",
    int: "a whole number",
    str: "a text",
    Fraction: "a fraction",
    Path: "a file",
}


def _name_of(part: Any) -> str:
    origin = get_origin(part) or part
    if origin is os.PathLike:
        return "a path"
    if origin is tuple:
        return f"{len(get_args(part))} numbers"
    return f"a {getattr(origin, '__name__', str(origin)).lower()}"


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Members of a union, flattened; the annotation itself where it is none."""
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(part for member in get_args(annotation) for part in _parts(member))
    return (annotation,)


def _is_a(part: Any, value: object) -> bool:
    origin = get_origin(part) or part
    if part is float:
        return is_number(value)
    if part is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is tuple:
        members = get_args(part)
        if Ellipsis in members:
            return isinstance(value, tuple | list)
        return isinstance(value, tuple | list) and len(value) == len(members) and all(map(_is_a, members, value))
    if part in _LAZY_TYPES.values():
        return hasattr(value, "to_json")
    if origin is Callable or not isinstance(origin, type):
        return callable(value)
    return isinstance(value, origin)


def _to_json(value: Any) -> JsonValue:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(name): _to_json(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_to_json(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
