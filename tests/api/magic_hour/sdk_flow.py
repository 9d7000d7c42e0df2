"""A program of its own: what a user of the vendor's Python client writes. Run by test_sdk.py, by either release.

Arguments: base URL, key, picture, recording, folder for downloads, sync or async, and as JSON
what only newer releases understand. Prints one JSON object.
"""

import asyncio
import json
import sys
from pathlib import Path

import magic_hour

try:
    from magic_hour.core import ApiError
except ImportError:  # newer releases keep it in a package of its own
    from make_api_request import ApiError

url, key, picture, recording, folder, kind, more = sys.argv[1:]
ORDER = {"start_seconds": 0.0, "end_seconds": 0.4, "download_directory": folder}
STYLE = {"generation_mode": "expressive", "intensity": 1.2, "prompt": "Smile."}


def assets() -> dict[str, str]:
    return {"image_file_path": picture, "audio_file_path": recording}  # the client changes it


def in_a_row() -> dict[str, object]:
    client = magic_hour.Client(token=key, base_url=url)
    made = client.v1.ai_talking_photo.generate(assets=assets(), name=None, style=STYLE, **ORDER, **json.loads(more))
    synced = client.v1.lip_sync.generate(
        assets={"video_source": "file", "video_file_path": made.downloaded_paths[0], "audio_file_path": recording},
        **ORDER,
    )
    client.v1.video_projects.delete(id=made.id)
    return told(made) | {"synced": told(synced), "enabled": client.v1.video_projects.get(id=made.id).enabled}


async def at_once() -> dict[str, object]:
    client = magic_hour.AsyncClient(token=key, base_url=url)
    return told(await client.v1.ai_talking_photo.generate(assets=assets(), **ORDER))


def told(result: object) -> dict[str, object]:
    names = ("id", "status", "error", "width", "height", "downloaded_paths", "credits_charged", "total_frame_cost")
    return {name: getattr(result, name) for name in names}


def refusal(token: str | None) -> list[object]:
    try:
        magic_hour.Client(token=token, base_url=url).v1.video_projects.get(id="c0")
    except ApiError as error:
        return [error.status_code, error.body["message"]]
    return []


answer = asyncio.run(at_once()) if kind == "async" else in_a_row()
answer["refusals"] = [refusal("mhk_live_wrong"), refusal(None), refusal(key)]
answer["module"] = str(Path(magic_hour.__file__).parent)
sys.stdout.write(json.dumps(answer))
