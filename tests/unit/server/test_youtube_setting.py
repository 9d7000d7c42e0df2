"""Videos of YouTube are taken where the owner says so, and where there is what it takes."""

from __future__ import annotations

from pathlib import Path

from lipsmith.server.context import Context, Runner
from lipsmith.server.settings import Settings
from lipsmith.service.network import youtube


def test_off_unless_asked_for(tmp_path: Path) -> None:
    context = Context(Settings(data_dir=tmp_path))
    why = context.services().no_youtube
    context.close()
    assert why is not None
    assert "Upload the video instead" in why


def test_on_where_it_is_installed(tmp_path: Path) -> None:
    context = Context(Settings(data_dir=tmp_path, youtube=True))
    why = context.services().no_youtube
    Runner(context, {})
    context.close()
    assert (why is None) == youtube.is_installed()
    assert why is None or "pip install 'lipsmith[youtube]'" in why
