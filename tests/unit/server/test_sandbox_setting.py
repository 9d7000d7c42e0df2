"""A server does not start where its rendering processes would have too few guards."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lipsmith.errors import InvalidOption
from lipsmith.server.run import check_sandbox
from lipsmith.server.settings import Settings
from lipsmith.service.processes import sandbox
from lipsmith.service.processes.sandbox import Guards


def test_a_server_refuses_to_start_without_its_guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(**changes: object) -> None:
        guards = {"network": "namespace", "calls": True, "files": 7, "processes": True} | changes
        monkeypatch.setattr(sandbox, "probe_guards", lambda: Guards(**guards))

    full, network, off = (Settings(data_dir=tmp_path, sandbox=level) for level in ("full", "network", "off"))
    found()
    check_sandbox(full)
    found(files=0)
    check_sandbox(network)
    with pytest.raises(InvalidOption, match="LIPSMITH_SANDBOX"):
        check_sandbox(full)
    found(files=0, calls=False, network="none")
    check_sandbox(off)
    with pytest.raises(InvalidOption):
        check_sandbox(network)


def test_a_data_folder_that_rendering_processes_can_read_is_refused() -> None:
    exposed = Path(sys.prefix) / "lib" / "lipsmith-data"
    with pytest.raises(InvalidOption, match="lib"):
        check_sandbox(Settings(data_dir=exposed))
    check_sandbox(Settings(data_dir=exposed, sandbox="off"))
