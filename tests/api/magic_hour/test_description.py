"""Thousands of requests that the API's description allows or forbids: no fault of ours, no answer it does not name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from in_process_server import InProcessServer, some_picture, some_sound
from lanes import amount

schemathesis = pytest.importorskip("schemathesis", reason="it makes the requests: pip install schemathesis")
checks = pytest.importorskip("schemathesis.checks")

OPERATIONS = (
    "POST /v1/files/upload-urls",
    "POST /v1/ai-talking-photo",
    "POST /v1/lip-sync",
    "GET /v1/video-projects/{id}",
    "DELETE /v1/video-projects/{id}",
    "POST /v1/ai-voice-generator",
    "GET /v1/audio-projects/{id}",
    "DELETE /v1/audio-projects/{id}",
    "POST /v1/face-detection",
    "GET /v1/face-detection/{id}",
    "GET /v1/account",
)
CASES_EACH = amount("CASES", whole=10, release=100)
"""For each operation, of allowed requests and of forbidden ones."""
checks.load_all_checks()
EXCLUDED = [
    checks.CHECKS.get_one("unsupported_method"),  # the vendor answers 404, not 405
    checks.CHECKS.get_one("positive_data_acceptance"),  # a file that is not there is refused with 422
]


@pytest.fixture(scope="module")
def description(in_process: InProcessServer) -> Any:
    """The application's own description."""
    return schemathesis.openapi.from_url(f"{in_process.url}/openapi.json")


@pytest.fixture(scope="module")
def known(in_process: InProcessServer) -> dict[str, Any]:
    """Existing values by the name of their field or path parameter."""
    image = in_process.upload("image", "png", some_picture())
    audio = in_process.upload("audio", "wav", some_sound())
    assets = {"image_file_path": image, "audio_file_path": audio}
    order = {"assets": assets, "start_seconds": 0, "end_seconds": 1}
    speech = {"style": {"prompt": "Hello.", "voice_name": "en-gb"}}
    look = {"assets": {"target_file_path": image}}
    return {
        **assets,
        "target_file_path": image,
        "video_file_path": "https://example.org/a.mp4",
        "video_source": "file",
        "/v1/video-projects/{id}": in_process.client.post("/v1/ai-talking-photo", json=order).json()["id"],
        "/v1/audio-projects/{id}": in_process.client.post("/v1/ai-voice-generator", json=speech).json()["id"],
        "/v1/face-detection/{id}": in_process.client.post("/v1/face-detection", json=look).json()["id"],
    }


@pytest.fixture(scope="module")
def answers() -> Counter[tuple[str, int]]:
    """Number of answers for each operation and status."""
    return Counter()


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_is_described(
    description: Any,
    in_process: InProcessServer,
    known: dict[str, Any],
    answers: Counter[tuple[str, int]],
    operation: str,
    allowed: bool,
) -> None:
    mode = schemathesis.GenerationMode.POSITIVE if allowed else schemathesis.GenerationMode.NEGATIVE
    method, path = operation.split(" ")

    @given(case=description[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=CASES_EACH,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        if allowed and len(str(case.body) + str(case.path_parameters)) % 2:
            name_what_is_there(case, known)
        answer = case.call(headers={"Authorization": f"Bearer {in_process.key}"})
        answers[operation, answer.status_code] += 1
        case.validate_response(answer, excluded_checks=EXCLUDED)

    check()


def test_every_operation_was_tried_and_did_its_work(description: Any, answers: Counter[tuple[str, int]]) -> None:
    all_operations = (operation.ok() for operation in description.get_all_operations())
    described = {f"{one.method.upper()} {one.path}" for one in all_operations if one.path.startswith("/v1/")}
    assert described == set(OPERATIONS)
    assert {operation for operation, status in answers if status < 300} == described


def name_what_is_there(case: Any, known: dict[str, Any]) -> None:
    """Of a request that is allowed makes one that can be fulfilled: no description can say which files there are."""
    if case.path in known:
        case.path_parameters["id"] = known[case.path]
    if not isinstance(case.body, dict):
        return
    assets = case.body.get("assets", {})
    assets.update({name: known[name] for name in known.keys() & assets.keys()})
    if "video_source" in assets:
        assets["video_file_path"] = known["video_file_path"]
    if assets.get("text") is not None:
        assets |= {"text": "Hello.", "audio_file_path": None}  # one of the two, which no description says
    elif case.path.endswith("/ai-talking-photo"):
        assets["audio_file_path"] = known["audio_file_path"]
        case.body |= {"start_seconds": 0, "end_seconds": case.body.get("end_seconds") or 1}
    if case.body.get("end_seconds") is not None:
        case.body |= {"start_seconds": 0, "end_seconds": min(60, case.body["end_seconds"])}
    for item in case.body.get("items", ()):
        item["extension"] = {"image": "png", "audio": "wav", "video": "mp4"}[item["type"]]
