"""One JSON object a line, wherever it comes from, and no secret in it, however deep."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog

from lipsmith.server.logs import configure


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers, root.level, threading.excepthook
    yield
    root.handlers, root.level, threading.excepthook = before
    structlog.reset_defaults()


class Told:
    """Something that shows itself only when it is written."""

    def __str__(self) -> str:
        return "a key: mhk_live_deep"


def test_lines_are_json_and_hold_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "mhk_live_")
    log = structlog.get_logger("lipsmith.test")
    log.info("said", key="mhk_live_abc123", deep={"list": ["whsec_xyz", Told()]})
    log.warning("links", a="/files/x?signature=AbC-9_&y=1", b="https://host/x?X-Amz-Signature=0f0f&z=2")
    logging.getLogger("other").error("postgresql://user:password@host/name is away, mail me@example.org")
    log.debug("not said")
    thread = threading.Thread(target=lambda: int("mhk_live_thread"), name="worker")
    thread.start()
    thread.join()
    try:
        raise RuntimeError("mhk_live_inside")
    except RuntimeError as error:
        log.error("broken", exc_info=error)
    said = capsys.readouterr().err
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["event"].split()[0], line["level"]) for line in lines] == [
        ("said", "info"),
        ("links", "warning"),
        ("postgresql://***@host/name", "error"),
        ("a", "error"),
        ("broken", "error"),
    ]
    assert all({"timestamp", "logger"} <= set(line) for line in lines)
    assert (lines[1]["a"], lines[1]["b"]) == ("/files/x?signature=***&y=1", "https://host/x?X-Amz-Signature=***&z=2")
    assert (lines[3]["event"], lines[3]["thread"]) == ("a thread broke off", "worker")
    assert lines[2]["event"].endswith("mail me@example.org")
    assert "RuntimeError" in lines[4]["exception"]
    for secret in ("abc123", "xyz", "deep]", "AbC", "0f0f", "password", "mhk_live_"):
        assert secret not in said


def test_what_moves_a_cursor_is_shown_instead(capsys: pytest.CaptureFixture[str]) -> None:
    """A name may hold anything; whoever reads the log in a terminal sees what, and it does nothing there."""
    configure("info", "mhk_live_")
    name = "a\x1b[2J\r\n\x7f\x9b31m\u202egpj.exe\u2028\u200b\ufeff\ud800é漢"
    structlog.get_logger("lipsmith.test").info("said", name=name)
    logging.getLogger("other").error(name)
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    assert [json.loads(line).get("name", json.loads(line)["event"]) for line in said.splitlines()] == [name, name]
    assert "é漢" in said
    assert not all(sign.isprintable() for sign in json.dumps(name, ensure_ascii=False))  # which is not enough
