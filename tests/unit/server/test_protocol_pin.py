"""The parts of uvicorn that `lipsmith.server.protocol` relies on exist in every version that the pin allows."""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from lipsmith.server.protocol import StrictProtocol

HOME = Path(__file__).resolve().parents[3]
CALLBACKS = (
    *("connection_made", "connection_lost", "data_received", "on_message_begin", "on_header", "on_headers_complete"),
    *("on_body", "on_message_complete", "on_response_complete", "timeout_keep_alive_handler", "pause_writing"),
    *("resume_writing", "send_400_response"),
)
"""Methods of uvicorn's class that ours overrides."""
ADDED = {"close_idle"}


@pytest.fixture
def protocol() -> Iterator[HttpToolsProtocol]:
    loop = asyncio.new_event_loop()
    config = uvicorn.Config(lambda scope, receive, send: None, http="httptools", ws="none", log_config=None)
    config.load()
    yield HttpToolsProtocol(config, ServerState(), {}, _loop=loop)
    loop.close()


def test_the_pin_allows_one_minor_version() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    [pin] = [line for line in project["optional-dependencies"]["server"] if line.startswith("uvicorn")]
    major, minor = (int(part) for part in uvicorn.__version__.split(".")[:2])
    assert pin == f"uvicorn>={major}.{minor},<{major}.{minor + 1}"


def test_every_override_has_a_method_to_override() -> None:
    own = {name for name, part in vars(StrictProtocol).items() if inspect.isfunction(part) and name[0] != "_"}
    assert own - ADDED == set(CALLBACKS)
    for name in CALLBACKS:
        theirs = inspect.signature(getattr(HttpToolsProtocol, name))
        assert list(inspect.signature(getattr(StrictProtocol, name)).parameters) == list(theirs.parameters), name


def test_every_attribute_exists(protocol: HttpToolsProtocol) -> None:
    for name in ("client", "cycle", "flow", "headers", "loop", "parser", "pipeline", "transport"):
        assert hasattr(protocol, name), name
    assert "self.url" in inspect.getsource(HttpToolsProtocol.on_url)
    assert protocol.cycle is None
    for name in ("get_http_version", "get_method", "should_upgrade"):
        assert callable(getattr(protocol.parser, name))
    assert {"pause_reading", "resume_reading"} <= set(dir(FlowControl))
    source = inspect.getsource(FlowControl.__init__) + inspect.getsource(RequestResponseCycle.__init__)
    for name in ("read_paused", "body", "disconnected", "keep_alive", "response_complete", "response_started"):
        assert f"self.{name}" in source, name
