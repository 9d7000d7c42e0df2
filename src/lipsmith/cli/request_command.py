"""Commands from request records: every field becomes an argument or an option. Knows no option by name."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer

from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.progress import shown
from lipsmith.cli.shared_options import AsJson, Quiet
from lipsmith.errors import InvalidOption
from lipsmith.pipeline.options import OptionField, Record, choices_of, option_fields
from lipsmith.pipeline.requests import Hooks

Request = TypeVar("Request", bound=Hooks)
Result = TypeVar("Result")


def request_command(
    name: str,
    record: type[Request],
    run: Callable[[Request], Result],
    line: Callable[[Result], str],
    *,
    help: str,
    default_out: Callable[[Path], Path] | None = None,
) -> Callable[..., None]:
    """Command that makes a ``record`` from its options, runs it and prints the result.

    ``line`` describes a result for people. ``default_out`` names the result by the first argument where --out is left
    out.
    """
    fields = [field for field in option_fields(record) if field.on_command_line]

    def command(ctx: typer.Context, quiet: bool, as_json: bool, **values: Any) -> None:
        interrupt: Interrupt = ctx.obj
        if default_out is not None and values["out"] is None:
            values["out"] = default_out(values[fields[0].name])
        with shown(quiet) as progress:
            given: dict[str, Any] = {field.name: _to_value(field, values[field.name]) for field in fields}
            result = run(record(progress=progress, cancelled=lambda: interrupt.seen, **given))
        typer.echo(as_json_object(result) if as_json else line(result))

    command.__name__ = name
    command.__doc__ = help
    first = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
    own = [parameter(field, optional_out=default_out is not None) for field in fields]
    shared = [
        _keyword("quiet", Quiet, False),
        _keyword("as_json", AsJson, False),
    ]
    command.__signature__ = inspect.Signature([*first, *own, *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in [*first, *own, *shared]}
    return command


def parameter(field: OptionField, *, optional_out: bool = False) -> inspect.Parameter:
    """Parameter of a command for one option of a record."""
    option = field.option
    kind: Any = _command_line_type(field)
    if field.positional and option.short is None:
        required = field.default is MISSING
        annotation = Annotated[kind, typer.Argument(metavar=field.metavar, help=option.help, show_default=False)]
        return _keyword(field.name, annotation, inspect.Parameter.empty if required else field.default)
    flags = [field.flags[0], *([option.short] if option.short else [])]
    default = field.default
    if kind is bool and default:
        flags[0] = f"{flags[0]}/--no-{flags[0].removeprefix('--')}"
    if kind == list[str]:
        default = []
    if optional_out and field.name == "out":
        kind, default = (Path | None), None
    elif kind is Path:
        default = Path(default)
    words = f"{option.help} [default: {option.default}]" if option.default else option.help
    return _keyword(field.name, Annotated[kind, typer.Option(*flags, metavar=field.metavar, help=words)], default)


def renamed_flags(record: type[Record]) -> Mapping[str, str]:
    """Former spellings of options, each with its current one."""
    found: dict[str, str] = {}
    for field in option_fields(record):
        if field.on_command_line:
            current, *former = field.flags
            found |= dict.fromkeys(former, current)
    return found


def with_current_flags(arguments: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
    """Arguments with former spellings of options replaced. Each one gives a FutureWarning."""
    current = []
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        if flag in renamed:
            warnings.warn(f"{flag} is called {renamed[flag]} now.", FutureWarning, stacklevel=2)
            flag = renamed[flag]
        current.append(flag + equals + value)
    return current


def as_json_object(result: object) -> str:
    """Result as one JSON object on one line."""
    assert is_dataclass(result) and not isinstance(result, type)
    return json.dumps(asdict(result), default=_json_value)


def result_line(parts: Sequence[str], warnings: Sequence[str], stages: Mapping[str, float] | None = None) -> str:
    """Result for people: its parts, the warnings, and the seconds of the stages, on one line."""
    noted = f"warnings: {' '.join(warnings)}" if warnings else "no warnings"
    times = [", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in stages.items())] if stages else []
    return " · ".join([*parts, noted, *times])


def _json_value(value: object) -> object:
    return float(value) if isinstance(value, Fraction) else str(value)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _command_line_type(field: OptionField) -> Any:
    """Type that Typer reads: a choice, a flag, a number, a file, several of them, or a text."""
    parts = get_args(field.type) or (field.type,)
    optional = field.default is None
    if choices := choices_of(field.type):
        kind: Any = Literal[choices]
    elif Path in parts or any(_is_path(part) for part in parts):
        kind = list[Path] if any(get_origin(part) is not None and not _is_path(part) for part in parts) else Path
        kind = kind if field.default is MISSING else Path
    elif get_origin(field.type) is not None and field.type not in (bool,) and _is_mapping(field.type):
        return list[str]
    elif str in parts:
        kind = str
    else:
        kind = next(part for part in (bool, int, float) if part in parts)
    return kind | None if optional else kind


def _is_path(part: Any) -> bool:
    return getattr(get_origin(part), "__name__", "") == "PathLike"


def _is_mapping(kind: Any) -> bool:
    return getattr(get_origin(kind), "__name__", "") == "Mapping"


def _to_value(field: OptionField, value: Any) -> Any:
    if not _is_mapping(field.type):
        return value
    pairs = [text.partition("=") for text in value]
    if bad := [name for name, equals, _ in pairs if not equals]:
        raise InvalidOption(f"{field.flags[0]} {bad[0]} has no value. Write {field.metavar}.")
    return {name: chosen for name, _, chosen in pairs}
