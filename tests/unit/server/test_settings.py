"""Settings and their effects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from pydantic import ValidationError

from lipsmith.errors import InvalidOption
from lipsmith.server.context import Context
from lipsmith.server.settings import Settings, all_settings, default_data_dir


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home of the user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    yield tmp_path


def test_plans_follow_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FREE_CONCURRENCY": "2", "BUSINESS_CONCURRENCY": "7", "FREE_DAILY_CREDITS": "0"}.items():
        monkeypatch.setenv(f"LIPSMITH_{name}", value)
    context = Context(Settings(data_dir=tmp_path))
    try:
        context.prepare_tables()
        plans = {name: context.accounts.create(name).account.plan for name in context.accounts.plans}
    finally:
        context.close()
    assert {name: plan.concurrency for name, plan in plans.items()} == {
        "free": 2,
        "creator": 3,
        "pro": 5,
        "business": 7,
    }
    assert {plan.daily_credits for plan in plans.values()} == {0}


def test_settings_of_dialects_have_limits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPSMITH_AKOOL_MAX_LIP_SYNC_S", "-1")
    with pytest.raises(InvalidOption, match="max_lip_sync_s"):
        Context(Settings(data_dir=tmp_path))


def test_every_setting_has_one_variable_and_a_description() -> None:
    names = [name for name, _ in all_settings()]
    assert len(names) == len(set(names))
    assert {"LIPSMITH_DATA_DIR", "LIPSMITH_MAX_REALISTIC_S", "LIPSMITH_AKOOL_MAX_LIP_SYNC_S"} <= set(names)
    assert all(field.description for _, field in all_settings())


def test_a_former_name_is_accepted_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings(data_dir=tmp_path).concurrency, Settings(data_dir=tmp_path).former_names) == (1, {})
    monkeypatch.setenv("LIPSMITH_WORKERS", "3")
    settings = Settings(data_dir=tmp_path)
    assert settings.concurrency == 3
    assert settings.former_names == {"LIPSMITH_WORKERS": "LIPSMITH_CONCURRENCY"}
    monkeypatch.setenv("LIPSMITH_CONCURRENCY", "2")
    assert Settings(data_dir=tmp_path).concurrency == 2
    assert Settings(data_dir=tmp_path, concurrency=4).concurrency == 4


def test_engines_are_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(data_dir=tmp_path).engines == {}
    monkeypatch.setenv("LIPSMITH_ENGINES", "photo_animator=classic, speech_reader=rule,")
    assert Settings(data_dir=tmp_path).engines == {"photo_animator": "classic", "speech_reader": "rule"}
    monkeypatch.setenv("LIPSMITH_ENGINES", "classic")
    with pytest.raises(ValidationError):
        Settings(data_dir=tmp_path)


def test_the_data_folder_of_linux(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_data_dir() == home / ".local/share/lipsmith"
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "xdg"))
    assert default_data_dir() == home / "xdg/lipsmith"
    (home / ".local/share/lipsmith").mkdir(parents=True)  # from before this variable was read
    assert default_data_dir() == home / ".local/share/lipsmith"


def test_the_data_folder_of_macos(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    macos = pytest.importorskip("platformdirs.macos")
    monkeypatch.setattr(platformdirs, "PlatformDirs", macos.MacOS)
    assert default_data_dir() == home / "Library/Application Support/lipsmith"
