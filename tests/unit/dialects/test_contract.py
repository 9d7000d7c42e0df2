"""Rules that every dialect keeps, so that they get along in one server."""

from __future__ import annotations

import re
from pathlib import Path

import lipsmith
from lipsmith.dialects.contract import find_all
from lipsmith.dialects.magic_hour.dialect import ASSETS
from lipsmith.server.context import Context
from lipsmith.server.settings import Settings
from lipsmith.storage.contract import Link

VENDOR_WORDS = re.compile(r"akool|magic.?hour|mhk|api-assets|api/open|my-library|videoid|elizabeth", re.IGNORECASE)


def test_names_paths_settings_and_events_are_their_own() -> None:
    dialects = [make() for make in find_all()]
    assert [dialect.name for dialect in dialects] == ["magic_hour", "akool"]
    prefixes = [dialect.prefix for dialect in dialects]
    assert all(prefix.startswith("/") and prefix.endswith("/") for prefix in prefixes)
    assert not any(one.startswith(other) for one in prefixes for other in prefixes if one != other)
    formatters = [dialect.formatter(lambda key, lifetime_s: Link(url=key, expires_at_s=0)) for dialect in dialects]
    events = [event for formatter in formatters for event in formatter.events]
    assert len(set(events)) == len(events)


def test_every_route_of_a_dialect_is_below_its_path(tmp_path: Path) -> None:
    context = Context(Settings(data_dir=tmp_path))
    for dialect in context.dialects:
        api = dialect.api(context.services())
        paths = [route.path for route in api.router.routes]  # type: ignore[attr-defined]
        assert paths
        assert all(path.startswith(dialect.prefix) for path in (*paths, *api.open_paths, *api.upload_paths))
    assert context.assets.names == ASSETS
    context.close()


def test_no_other_package_knows_a_vendor() -> None:
    home = Path(lipsmith.__file__).parent
    files = [file for part in ("server", "service", "storage", "database") for file in (home / part).rglob("*.py")]
    assert len(files) > 50
    known = {
        f"{file.relative_to(home)}: {found[0]}"
        for file in files
        if "migrations" not in file.parts
        for found in VENDOR_WORDS.finditer(file.read_text())
    }
    assert known == set()
