"""Stored parameters and results of jobs, also those that earlier releases have written."""

from __future__ import annotations

from lipsmith.pipeline.requests import SpeakRequest, StandIn, SyncRequest, TalkRequest
from lipsmith.service.billing.prices import Price
from lipsmith.service.project import JobParams, JobResult, Source

EARLIER = {
    "inputs": {"image": {"key": None, "url": "https://example.org/a.png", "extension": "png"}},
    "options": {
        "text": "Hello.",
        "voice": None,
        "language": None,
        "rate": 1.0,
        "fps": 30,
        "max_resolution": 576,
        "mode": "realistic",
        "prompt": None,
        "motion": "lively",
        "intensity": 1.0,
        "mark": "lipsmith",
    },
    "start_s": 0.0,
    "end_s": 12.5,
    "fps": 30,
    "price": {"credits": 1, "per": "frame"},
    "longest_s": 60.0,
    "kept_days": None,
    "facts": {"webhookUrl": None},
}


def test_parameters_keep_their_stored_form() -> None:
    params = JobParams.from_json(EARLIER)
    assert params.to_json() == EARLIER
    assert params.inputs == {"image": Source(url="https://example.org/a.png", extension="png")}
    assert (params.price, params.max_duration_s, params.retention_days) == (Price(credits=1), 60.0, None)
    assert params.metadata == {"webhookUrl": None}


def test_parameters_of_the_first_release_are_readable() -> None:
    first = {name: part for name, part in EARLIER.items() if name not in ("longest_s", "kept_days", "facts")}
    params = JobParams.from_json(first)
    assert (params.max_duration_s, params.retention_days, params.metadata) == (None, None, {})


def test_options_of_earlier_releases_become_requests() -> None:
    request = TalkRequest.from_json(JobParams.from_json(EARLIER).options, photo="a.png", out="out.mp4")
    assert (request.head_motion, request.watermark, request.text) == ("lively", "lipsmith", "Hello.")
    options = {"mode": "pro", "max_fps": None, "max_resolution": 576, "mark": "lipsmith"}
    assert SyncRequest.from_json(options, video="a.mp4", audio="a.wav").watermark == "lipsmith"
    options = {"text": "Hello.", "voice": "Nobody", "stand_in": {"voice": None, "gender": "female"}}
    assert SpeakRequest.from_json(options).stand_in == StandIn(gender="female")


def test_results_are_readable() -> None:
    video = {
        "frames": 25,
        "fps": 25.0,
        "width": 320,
        "height": 240,
        "warnings": ["Note."],
        "keys": ["outputs/a/1/a.mp4"],
    }
    result = JobResult.from_json(video)
    assert result.to_json() == video
    assert (result.video_s, result.keys, result.warnings) == (1.0, ("outputs/a/1/a.mp4",), ("Note.",))
    assert JobResult.from_json({"keys": ["api-assets/a/face-1.png"]}).keys == ("api-assets/a/face-1.png",)
    voice = JobResult.from_json({"duration_s": 3.2, "warnings": [], "keys": []})
    assert (voice.duration_s, voice.video_s) == (3.2, None)
