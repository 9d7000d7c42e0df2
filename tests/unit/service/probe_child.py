"""The real rendering process, with jobs that go wrong on purpose."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from lipsmith.service.processes import child_main


def hog(spec: Mapping[str, Any], report: child_main.Report) -> dict[str, Any]:
    """Asks for more memory than there is."""
    return {"files": [], "bytes": len(bytearray(20 << 30))}


def call_home(spec: Mapping[str, Any], report: child_main.Report) -> dict[str, Any]:
    """Tries to tell somebody."""
    with socket.create_connection(("127.0.0.1", spec["port"]), timeout=2):
        return {"files": []}


if __name__ == "__main__":
    child_main.KINDS = {"hog": hog, "call home": call_home}
    child_main.main()
