"""Thin handlers: who asks, what they want in our words, the answer in theirs. No rules.

Annotations are evaluated here, not postponed: FastAPI reads them, and some name what only `router` knows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urljoin

from fastapi import APIRouter, Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lipsmith.dialects.magic_hour import translate, wire
from lipsmith.service.billing.accounts import Account, Accounts
from lipsmith.service.errors import NotFound, Unauthorized
from lipsmith.service.jobs.orders import MAX_IDEMPOTENCY_KEY_LENGTH as MAX_KEY_LENGTH
from lipsmith.service.jobs.orders import Projects
from lipsmith.service.network.assets import Assets
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import Project
from lipsmith.storage.contract import Link, Links

VIDEO_KINDS = ("talking_photo", "lip_sync")
_ERRORS = {status: {"model": wire.Message} for status in (400, 401, 402, 404, 422)}
_BEARER = HTTPBearer(scheme_name="bearerAuth", bearerFormat="mhk_live_…", auto_error=False)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the handlers work with."""

    accounts: Accounts
    assets: Assets
    projects: Projects
    links: Links
    clock: Clock
    rules: translate.Rules
    base_url: Callable[[Request], str]
    """The address under which the caller reaches us."""
    upload_lifetime_s: int
    download_lifetime_s: int


def router(parts: Parts) -> APIRouter:
    """All routes of this dialect."""
    routes = APIRouter(prefix="/v1", tags=["Magic Hour"], responses=_ERRORS)  # type: ignore[arg-type]

    def caller(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None) -> Account:
        if given is None:
            raise Unauthorized()
        return parts.accounts.authenticate(given.credentials.strip())

    Caller = Annotated[Account, Depends(caller)]
    Repeat = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=MAX_KEY_LENGTH)]

    def absolute(request: Request, link: Link) -> Link:
        return Link(url=urljoin(parts.base_url(request), link.url), expires_at_s=link.expires_at_s)

    def linker(request: Request) -> translate.Linker:
        return lambda key: absolute(request, parts.links.download(key, lifetime_s=parts.download_lifetime_s))

    def found(account: Account, project: str, kinds: tuple[str, ...]) -> Project:
        shown = parts.projects.show(account.id, project)
        if shown.kind not in kinds:
            raise NotFound()
        return shown

    @routes.post("/files/upload-urls")
    def upload_urls(request: Request, account: Caller, body: wire.UploadUrlsRequest) -> wire.UploadUrlsAnswer:
        """Asks for places to upload files to."""
        items = []
        for offer in parts.assets.offer(account.id, [(wish.type, wish.extension) for wish in body.items]):
            link = parts.links.upload(
                offer.key, max_bytes=account.plan.max_upload_bytes, lifetime_s=parts.upload_lifetime_s
            )
            items.append(translate.to_upload_url(offer, absolute(request, link)))
        return wire.UploadUrlsAnswer(items=items)

    @routes.post("/ai-talking-photo")
    def talking_photo(account: Caller, body: wire.TalkingPhotoRequest, repeat: Repeat = None) -> wire.Created:
        """Makes a photo speak."""
        order = translate.from_talking_photo(body, account, parts.rules, parts.clock.now_ms())
        return translate.to_created(parts.projects.create(account, order, idempotency_key=repeat))

    @routes.post("/lip-sync")
    def lip_sync(account: Caller, body: wire.LipSyncRequest, repeat: Repeat = None) -> wire.Created:
        """Makes the lips in a video follow another recording."""
        order = translate.from_lip_sync(body, account, parts.rules, parts.clock.now_ms())
        return translate.to_created(parts.projects.create(account, order, idempotency_key=repeat))

    @routes.get("/video-projects/{id}")
    def show_video(request: Request, account: Caller, id: str) -> wire.VideoProject:
        """Tells how far a video is, and where to get it."""
        return translate.to_video_project(found(account, id, VIDEO_KINDS), linker(request))

    @routes.delete("/video-projects/{id}", status_code=204)
    def delete_video(account: Caller, id: str) -> None:
        """Forgets a video for good."""
        found(account, id, VIDEO_KINDS)
        parts.projects.delete(account.id, id)

    @routes.post("/ai-voice-generator")
    def voice(account: Caller, body: wire.VoiceRequest, repeat: Repeat = None) -> wire.VoiceCreated:
        """Speaks a text."""
        order = translate.from_voice(body, parts.rules, parts.clock.now_ms())
        project = parts.projects.create(account, order, idempotency_key=repeat)
        return wire.VoiceCreated(id=project.id, credits_charged=project.credits)

    @routes.get("/audio-projects/{id}")
    def show_audio(request: Request, account: Caller, id: str) -> wire.AudioProject:
        """Tells how far a sound is, and where to get it."""
        return translate.to_audio_project(found(account, id, ("voice",)), linker(request))

    @routes.delete("/audio-projects/{id}", status_code=204)
    def delete_audio(account: Caller, id: str) -> None:
        """Forgets a sound for good."""
        found(account, id, ("voice",))
        parts.projects.delete(account.id, id)

    @routes.post("/face-detection")
    def detect_faces(
        account: Caller, body: wire.FaceDetectionRequest, repeat: Repeat = None
    ) -> wire.FaceDetectionCreated:
        """Looks for faces in a picture or a video; free of credits."""
        order = translate.from_face_detection(body)
        project = parts.projects.create(account, order, idempotency_key=repeat)
        return wire.FaceDetectionCreated(id=project.id, credits_charged=0)

    @routes.get("/face-detection/{id}")
    def show_faces(request: Request, account: Caller, id: str) -> wire.FaceDetection:
        """Tells which faces were found."""
        return translate.to_face_detection(found(account, id, ("face_detection",)), linker(request))

    @routes.get("/account")
    def show_account(account: Caller) -> wire.AccountAnswer:
        """Tells plan and balance."""
        return translate.to_account(account, parts.accounts.todays_balance(account))

    return routes
