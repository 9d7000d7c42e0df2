"""Translation of requests, answers and webhooks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from lipsmith import errors
from lipsmith.dialects.akool import translate, wire
from lipsmith.dialects.akool.events import Events, encrypt, sign
from lipsmith.dialects.akool.uploads import UploadReceiver, extension_of
from lipsmith.pipeline.requests import TalkRequest
from lipsmith.service import errors as service_errors
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.plans import DEFAULT_PLANS
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import InvalidRequest, NotFound
from lipsmith.service.network.webhooks import Credentials
from lipsmith.service.project import Failure, JobParams, JobResult, Project
from lipsmith.storage import errors as storage_errors
from lipsmith.storage.contract import Link

NOW_MS = 1_790_000_000_123
DAY_MS = 86_400_000
RULES = translate.Rules(max_talking_photo_s=120.0, max_lip_sync_s=60.0)
ID = "65e5a1b2c3d4e5f6a7b8c9d0"


def account(max_side_px: int) -> Account:
    plan = replace(DEFAULT_PLANS["business"], max_side_px=max_side_px)
    return Account(id="a", email=None, plan=plan, client_id="c", suspended=False, created_ms=0)


def asked(**fields: Any) -> wire.TalkingPhotoRequest:
    body = {"talking_photo_url": "https://example.org/photo", "audio_url": "https://example.org/a.mp3"}
    return wire.TalkingPhotoRequest.model_validate(body | fields)


def talking(max_side_px: int = 4096, **fields: Any) -> Any:
    return translate.from_talking_photo(asked(**fields), account(max_side_px), RULES, NOW_MS)


@pytest.mark.parametrize(
    ("resolution", "side"),
    [("720", 1280), ("1080", 1920), (720, 1280), (1080, 1920), ("720p", 1280), ("1080P", 1920), ("", 1280)],
)
def test_the_longest_side(resolution: object, side: int) -> None:
    assert talking(resolution=resolution).request.max_resolution == side


@pytest.mark.parametrize(("limit", "side"), [(576, 576), (1472, 1472), (4096, 1920)])
def test_the_plan_limits_it(limit: int, side: int) -> None:
    assert talking(limit, resolution="1080").request.max_resolution == side


@pytest.mark.parametrize("resolution", ["480", 1920, True, "p", [720], 720.0])
def test_other_resolutions_are_refused(resolution: object) -> None:
    with pytest.raises(ValidationError):
        asked(resolution=resolution)


def test_a_prompt_directs_the_face() -> None:
    plain = TalkRequest(photo="image", audio="audio", fps=25, max_resolution=1280)
    assert talking(prompt=" She nods. ").request == replace(plain, mode="prompted", prompt="She nods.")
    assert talking(prompt="  ").request == plain


def test_an_order_is_as_long_as_its_sound() -> None:
    order = talking(webhookUrl="https://example.org/hook")
    assert (order.start_s, order.end_s, order.max_duration_s, order.retention_days) == (0.0, 120.0, 120.0, 7)
    assert (order.price, order.estimate) == (Price(credits=10, per="10 s"), 120)
    assert order.webhook == "https://example.org/hook"
    assert {wanted.needs_extension for wanted in order.inputs.values()} == {False}


def test_a_text_has_5000_words_at_most() -> None:
    body = {"voice_id": "en", "rate": "50%"}
    assert wire.AudioRequest.model_validate({**body, "input_text": "word " * 5000}).rate == 50
    with pytest.raises(ValidationError, match="5,000 words"):
        wire.AudioRequest.model_validate({**body, "input_text": "word " * 5001})


@pytest.mark.parametrize("nothing", ["", None])
def test_no_webhook(nothing: object) -> None:
    assert talking(webhookUrl=nothing).webhook is None


def project(**changes: Any) -> Project:
    params = JobParams(
        inputs={}, options={}, start_s=0.0, end_s=50.0, fps=25.0, price=None, metadata=asked(prompt="Nod.").model_dump()
    )
    fields: dict[str, Any] = {
        "id": f"c{ID}", "account": "c0000beef", "dialect": "akool", "kind": "talking_photo", "name": "n",
        "params": params, "state": "queued", "credits": 50, "result": None,
        "error": None, "created_ms": NOW_MS, "deleted": False, "expires_ms": None, "progress": 0.0, "stage": None,
        "left_s": None,
    }  # fmt: skip
    return Project(**fields | changes)


def linker(key: str) -> Link:
    return Link(url=f"https://here/{key}", expires_at_s=1_790_086_400)


QUEUED = {
    "_id": ID, "create_time": NOW_MS, "uid": 0xBEEF, "from": 2, "type": 5, "video_lock_duration": 50.0,
    "deduction_lock_duration": 50, "deduction_duration": 0, "external_video": "", "video": "", "video_status": 1,
    "faceswap_quality": 2, "storage_loc": 1, "__v": 0, "webhookUrl": "", "progress": 0.0, "warnings": [],
    "talking_photo": "https://example.org/photo", "prompt": "Nod.", "resolution": "720",
}  # fmt: skip


def shown(shown: Project) -> dict[str, Any]:
    told = translate.to_video(shown, linker).model_dump(by_alias=True)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told.pop("video_id"))
    return told


def test_a_waiting_video_has_every_key() -> None:
    assert shown(project()) == QUEUED


def test_a_finished_one_has_its_address_and_what_it_cost() -> None:
    result = JobResult(keys=("o/c1.mp4",), frames=200, fps=25.0, width=640, height=360, warnings=("Soft.",))
    done = project(state="complete", credits=10, result=result, progress=1.0)
    assert shown(done) == QUEUED | {
        "video_lock_duration": 8.0, "deduction_lock_duration": 10, "deduction_duration": 10,
        "video": "https://here/o/c1.mp4", "video_status": 3, "progress": 1.0, "warnings": ["Soft."],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code", "number"),
    [
        ("talking_photo", "no_source_face", 1108),
        ("talking_photo", "invalid_audio", 1110),
        ("talking_photo", "processing_failed", 1015),
        ("talking_photo", "sound_too_long", 1204),
        ("talking_photo", "insufficient_credits", 1104),
        ("lip_sync", "processing_failed", 1211),
        ("lip_sync", "video_too_long", 1204),
        ("lip_sync", "file_too_large", 1207),
        ("lip_sync", "video_encrypted", 1209),
    ],
)
def test_a_failed_one_says_why(kind: Any, code: str, number: int) -> None:
    failed = project(kind=kind, state="error", credits=0, error=Failure(code=code, message="Why."))
    told = shown(failed)
    assert (told["video_status"], told["error_code"], told["error_reason"]) == (4, number, "Why.")


def test_what_is_old_or_deleted_is_gone() -> None:
    translate.check_kept(project(expires_ms=NOW_MS + 1), NOW_MS)
    for gone in (project(expires_ms=NOW_MS), project(deleted=True)):
        with pytest.raises(translate.ResultExpired) as caught:
            translate.check_kept(gone, NOW_MS)
        assert translate.to_code(caught.value) == 1014


@pytest.mark.parametrize("text", ["", "1", f"c{ID}", ID.upper(), f"{ID}\n", ID[:-1] + "g"])
def test_ids_have_24_hexadecimal_digits(text: str) -> None:
    assert translate.from_id(ID) == f"c{ID}"
    with pytest.raises(NotFound):
        translate.from_id(text)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (translate.NoKey(), 1102),
        (service_errors.Unauthorized(), 1101),
        (service_errors.Suspended(), 1200),
        (service_errors.NotFound(), 1008),
        (service_errors.InvalidRequest(), 1003),
        (service_errors.InsufficientCredits(), 1104),
        (service_errors.PlanTooSmall(), 1213),
        (storage_errors.FileTooLarge(), 1207),
    ],
)
def test_refusals_have_numbers(error: errors.LipsmithError, code: int) -> None:
    assert translate.to_refusal(error) == wire.Done(code=code, msg=error.message)


CREDENTIALS = Credentials(id="0123456789abcdef", secret="0123456789abcdefghijklmn")


def test_a_body_is_encrypted_as_other_libraries_do_it() -> None:
    # openssl enc -aes-192-cbc -K (hex of the secret) -iv (hex of the id) -base64 -A
    assert encrypt('{"_id": "x"}', CREDENTIALS) == "8lJAehHZm08ec373jykSFg=="


def test_parts_are_signed_in_the_order_of_their_bytes() -> None:
    # printf '10aZé' | sha1sum, where the parts are given in another order
    assert sign("aZ", "10", "é") == sign("é", "aZ", "10") == "8f4011ea2d434a781176bbee7873f1e8bf5edc0c"


def test_a_letter_has_four_keys_and_a_new_nonce_each_time() -> None:
    told = Events(linker).format_event(project(state="error", error=Failure(code="x", message="y")), "errored")
    assert told == ("talking photo", json.dumps({"_id": ID, "status": 4, "type": "talking photo", "url": ""}))
    letters = [Events(linker).request(CREDENTIALS, told[1], NOW_MS) for _ in range(20)]
    bodies = [json.loads(request.body) for request in letters]
    assert {frozenset(body) for body in bodies} == {frozenset(("signature", "dataEncrypt", "timestamp", "nonce"))}
    assert {body["timestamp"] for body in bodies} == {NOW_MS}
    assert all(re.fullmatch(r"\d{4}", body["nonce"]) for body in bodies)
    assert len({body["nonce"] for body in bodies}) > 1
    assert all(request.headers == {} for request in letters)


def test_only_200_means_that_it_was_taken() -> None:
    assert [status for status in range(100, 600) if Events(linker).is_success(status)] == [200]


def test_the_beginning_is_told_where_it_is_wanted() -> None:
    rendering = project(state="rendering")
    assert Events(linker).format_event(rendering, "started") is None
    told = Events(linker, tells_beginning=True).format_event(rendering, "started")
    assert told is not None
    assert json.loads(told[1]) == {"_id": ID, "status": 2, "type": "talking photo", "url": ""}


class Memory:
    """Target of an upload."""

    def __init__(self) -> None:
        self.content, self.extensions = b"", list[str]()

    def begin(self, extension: str) -> Memory:
        self.extensions.append(extension)
        return self

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def finish(self) -> int:
        return len(self.content)

    def close(self) -> None:
        pass


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="Ada.PNG"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n--\x00\r\n"
    b'--x\r\nContent-Disposition: form-data; name="more"; filename="b.wav"\r\n\r\nRIFF\r\n--x--\r\n'
)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_of_a_form_the_first_file_is_taken_however_it_comes(step: int) -> None:
    memory = Memory()
    receiver = UploadReceiver("multipart/form-data; boundary=x", memory.begin)
    for start in range(0, len(FORM), step):
        receiver.write(FORM[start : start + step])
    assert (receiver.finish(), memory.content, memory.extensions) == (9, b"\x89PNG\r\n--\x00", ["png"])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"no form"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
        ("image/png", b""),
    ],
)
def test_what_holds_no_file_is_refused(kind: str, body: bytes) -> None:
    receiver = UploadReceiver(kind, Memory().begin)
    with pytest.raises(InvalidRequest):
        receiver.write(body)
        receiver.finish()


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="boundary"):
        UploadReceiver("multipart/form-data", Memory().begin)


@pytest.mark.parametrize(
    ("name", "kind", "extension"),
    [("a.MP4", "", "mp4"), ("", "image/png", "png"), ("a", "", "bin"), ("../a.p/ng", "", "bin"), ("a.ä", "", "bin")],
)
def test_endings(name: str, kind: str, extension: str) -> None:
    assert extension_of(name, kind) == extension
