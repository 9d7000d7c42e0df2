"""Plug-ins by role and name: built-in classes and those of other packages. A class is imported when it is chosen.

Other packages add engines through the entry point group ``lipsmith.engines``; the entry point's name is the role and
the engine's name with a dot between them, such as ``photo_animator.puppet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lipsmith.errors import InvalidOption, MissingDependency

GROUP = "lipsmith.engines"


def names(role: str, built_in: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of all engines for ``role``, the built-in ones first.

    ``built_in`` maps names to ``module:Class``.
    """
    return tuple(dict.fromkeys([*built_in, *_entry_points(role)]))


def check_name(role: str, name: str, built_in: Mapping[str, str]) -> None:
    """Raise InvalidOption, with the known names, if no engine for ``role`` is called ``name``."""
    if name not in built_in and name not in (known := names(role, built_in)):
        raise InvalidOption(f"There is no {role.replace('_', ' ')} called {name!r}. Use one of {', '.join(known)}.")


def create(role: str, name: str | None, built_in: Mapping[str, str]) -> Any:
    """Import the engine called ``name`` (the first of ``built_in`` when None) and return a new instance.

    A built-in engine takes precedence over a plug-in of the same name, so a package cannot change what a name means.
    Raises InvalidOption for an unknown name, MissingDependency if the engine's own libraries are not installed.
    """
    chosen = name or next(iter(built_in))
    check_name(role, chosen, built_in)
    if chosen in built_in:
        entry = EntryPoint(name=f"{role}.{chosen}", value=built_in[chosen], group=GROUP)
    else:
        entry = _entry_points(role)[chosen]
    try:
        return getattr(import_module(entry.module), entry.attr)()
    except ImportError as error:
        raise MissingDependency(
            f"The engine {chosen!r} could not be loaded: {error}. `lipsmith doctor` lists what to install."
        ) from error


def _entry_points(role: str) -> dict[str, EntryPoint]:
    start = f"{role}."
    return {e.name.removeprefix(start): e for e in entry_points(group=GROUP) if e.name.startswith(start)}
