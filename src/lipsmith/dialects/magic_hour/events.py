"""The bodies of webhooks. Sends nothing."""

from __future__ import annotations

import json

from lipsmith.dialects.magic_hour.translate import EVENTS, Linker, to_video_project
from lipsmith.service.project import Event, Project


def formatter(linker: Linker):  # type: ignore[no-untyped-def]
    """Formats events with the download links that ``linker`` makes."""

    def formatted(project: Project, event: Event) -> tuple[str, str] | None:
        if project.kind == "face_detection":
            return None
        payload = to_video_project(project, linker).model_dump(mode="json")
        return EVENTS[event], json.dumps({"type": EVENTS[event], "payload": payload}, ensure_ascii=False)

    return formatted
