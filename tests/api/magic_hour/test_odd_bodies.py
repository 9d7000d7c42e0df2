"""JSON that nobody would send, in good requests at any place: taken, or refused as the vendor does; never our fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_process_server import InProcessServer, some_picture, some_sound

ODD_NUMBERS = ("1e999", "-1e999", "NaN", "Infinity", "-Infinity", "9" * 400, "9" * 5000, "1e-400", "-0", "0.1e1", "00")
ODD_TEXTS = (
    '"\\u0000"',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"a\x01b"',
    '"\\u202e"',
    '"' + "a" * 20_000 + '"',
    '"http://"',
    '"http://[::1"',
    '"http://a:99999999/b.png"',
    '"https://\\u0000/a.png"',
    '"api-assets/../../secret"',
    '"file:///etc/passwd"',
    '"//my-library?videoId="',
    '"https://example.org/my-library?videoId=%00"',
    '""',
    '" "',
)
ODD_SHAPES = (
    "null",
    "true",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    '{"a": {"a": {}}}',
    "[" * 31 + "]" * 31,
    "[" * 500 + "]" * 500,
)
ODD_ENDS = ("", "}", ",", "\x00", "//", '{"a": 1}', "\ufeff")
STATUSES = {200, 400, 402, 422}
HUGE = "9" * 5000


@pytest.fixture(scope="module")
def good(in_process: InProcessServer) -> dict[str, Any]:
    """Requests that are fulfilled, by their paths."""
    assets = {
        "image_file_path": in_process.upload("image", "png", some_picture()),
        "audio_file_path": in_process.upload("audio", "wav", some_sound()),
    }
    clip = {"video_source": "file", "video_file_path": "https://example.org/a.mp4"}
    window = {"start_seconds": 0, "end_seconds": 1.5, "name": "A name"}
    style = {"generation_mode": "expressive", "prompt": "Smile.", "intensity": 1.5}
    return {
        "/v1/files/upload-urls": {"items": [{"type": "image", "extension": "png"}]},
        "/v1/ai-talking-photo": {
            "assets": assets,
            **window,
            "style": style,
            "max_resolution": 512,
            "resolution": "480p",
        },
        "/v1/lip-sync": {
            "assets": {**clip, "audio_file_path": assets["audio_file_path"]},
            **window,
            "style": {"generation_mode": "lite"},
            "max_fps_limit": 12,
            "width": 512,
        },
        "/v1/face-detection": {"assets": {"target_file_path": assets["image_file_path"]}, "confidence_score": 0.5},
    }


PATHS = ("/v1/files/upload-urls", "/v1/ai-talking-photo", "/v1/lip-sync", "/v1/face-detection")
odd_values = st.one_of(
    st.sampled_from([*ODD_NUMBERS, *ODD_TEXTS, *ODD_SHAPES]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    ).map(json.dumps),
)


@pytest.mark.parametrize("path", PATHS)
def test_odd_values_at_any_place(in_process: InProcessServer, good: dict[str, Any], path: str) -> None:
    places = [*places_in(good[path]), ("something", "new")]

    @settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(place=st.sampled_from(places), odd=odd_values, end=st.sampled_from(ODD_ENDS) | st.just(""))
    def check(place: tuple[Any, ...], odd: str, end: str) -> None:
        check_answer(sent(in_process, path, with_value(good[path], place, odd) + end))

    check()


@pytest.mark.parametrize("path", PATHS)
def test_anything_as_a_body(in_process: InProcessServer, path: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        body=odd_values.map(str.encode) | st.binary() | st.sampled_from(["[1]", "{}"]).map(lambda t: t.encode("utf-16"))
    )
    def check(body: bytes) -> None:
        answer = sent(in_process, path, body)
        check_answer(answer)
        assert answer.status_code == 400

    check()


@pytest.mark.parametrize("path", PATHS)
def test_the_good_ones_are_fulfilled(in_process: InProcessServer, good: dict[str, Any], path: str) -> None:
    assert sent(in_process, path, json.dumps(good[path])).status_code == 200


@pytest.mark.parametrize("odd", [HUGE, "1e999", "NaN", '"\\ud800"'])
def test_odd_values_where_nobody_looks(in_process: InProcessServer, good: dict[str, Any], odd: str) -> None:
    path = "/v1/ai-talking-photo"
    check_answer(sent(in_process, path, with_value(good[path], ("nobody", "looks"), odd)))
    for header in ("a b", "a" * 256, "ключ".encode().decode("latin-1")):
        body = json.dumps(good[path])
        answer = in_process.client.post(path, content=body, headers={b"Idempotency-Key": header.encode("latin-1")})
        check_answer(answer)
    for id in ("%00", "%ff", "a" * 5000, "..%2f..", "%E2%80%AE"):
        answer = in_process.client.get(f"/v1/video-projects/{id}")
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def sent(in_process: InProcessServer, path: str, body: str | bytes) -> httpx.Response:
    return in_process.client.post(
        path, content=body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    )


def check_answer(answer: httpx.Response) -> None:
    """One of the documented statuses; a refusal has the vendor's shape."""
    assert answer.status_code in STATUSES, answer.text
    assert answer.headers["content-type"] == "application/json"
    if answer.status_code != 200:
        assert set(answer.json()) == {"message", "code"}
        assert isinstance(answer.json()["message"], str)
        assert len(answer.text) < 2000


def places_in(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in it, and to it."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places_in(part, (*before, name))


def with_value(body: Any, place: tuple[Any, ...], odd: str) -> str:
    """The body as JSON, or what shall pass for it, with ``odd`` at that place as it is."""
    mark = "here it stands"
    if not place:
        return odd
    changed = copy.deepcopy(body)
    at = changed
    for name in place[:-1]:
        at = at.setdefault(name, {}) if isinstance(at, dict) else at[name]
    at[place[-1]] = mark
    return json.dumps(changed).replace(f'"{mark}"', odd)
