"""Routes of Magic Hour's API: thin handlers that authenticate, translate and answer.

Annotations are evaluated here, not postponed: FastAPI reads them, and some name what only a function knows.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urljoin

from fastapi import APIRouter, Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lipsmith.dialects.contract import Linker, Services
from lipsmith.dialects.magic_hour import translate, wire
from lipsmith.service.billing.accounts import Account
from lipsmith.service.errors import NotFound, Unauthorized
from lipsmith.service.jobs.orders import MAX_IDEMPOTENCY_KEY_LENGTH
from lipsmith.service.project import Kind, Project
from lipsmith.storage.contract import Link

VIDEO_KINDS: tuple[Kind, ...] = ("talking_photo", "lip_sync")
_ERRORS = {status: {"model": wire.Message} for status in (400, 401, 402, 404, 422)}
_BEARER = HTTPBearer(scheme_name="bearerAuth", bearerFormat="mhk_live_…", auto_error=False)
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=MAX_IDEMPOTENCY_KEY_LENGTH)
]


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """Steps that several handlers share."""

    services: Services
    rules: translate.Rules

    def caller(self, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None) -> Account:
        """Return the account of a request. Raises Unauthorized."""
        if bearer is None:
            raise Unauthorized()
        return self.services.accounts.authenticate(bearer.credentials.strip())

    def now_ms(self) -> int:
        """Return the time, milliseconds since 1970."""
        return self.services.clock.now_ms()

    def absolute(self, request: Request, link: Link) -> Link:
        """Return ``link`` as the sender of ``request`` reaches it."""
        return Link(url=urljoin(self.services.base_url(request), link.url), expires_at_s=link.expires_at_s)

    def linker(self, request: Request) -> Linker:
        """Return a linker for the sender of ``request``."""
        links, lifetime_s = self.services.links, self.services.download_link_s
        return lambda key: self.absolute(request, links.download(key, lifetime_s=lifetime_s))

    def find(self, account: Account, project: str, *kinds: Kind) -> Project:
        """Return a project of one of ``kinds``. Raises NotFound."""
        found = self.services.projects.show(account.id, project)
        if found.kind not in kinds:
            raise NotFound()
        return found


def router(services: Services, rules: translate.Rules) -> APIRouter:
    """Make all routes."""
    routes = APIRouter(prefix="/v1", tags=["Magic Hour"], responses=_ERRORS)  # type: ignore[arg-type]
    handlers = Handlers(services=services, rules=rules)
    _add_uploads(routes, handlers)
    _add_video_routes(routes, handlers)
    _add_audio_routes(routes, handlers)
    _add_face_detection(routes, handlers)
    _add_account(routes, handlers)
    return routes


def _add_uploads(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]
    services = handlers.services

    @routes.post("/files/upload-urls")
    def upload_urls(request: Request, account: Caller, body: wire.UploadUrlsRequest) -> wire.UploadUrlsAnswer:
        """Return URLs to upload files to."""
        items = []
        for offer in services.assets.offer(
            account.id,
            [(item.type, item.extension) for item in body.items],
            most=account.plan.max_open_uploads,
        ):
            link = services.links.upload(
                offer.key, max_bytes=account.plan.max_upload_bytes, lifetime_s=services.upload_link_s
            )
            items.append(translate.to_upload_url(offer, handlers.absolute(request, link)))
        return wire.UploadUrlsAnswer(items=items)


def _add_video_routes(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]
    projects = handlers.services.projects

    @routes.post("/ai-talking-photo")
    def talking_photo(account: Caller, body: wire.TalkingPhotoRequest, repeat: IdempotencyKey = None) -> wire.Created:
        """Make a photo speak."""
        order = translate.from_talking_photo(body, account, handlers.rules, handlers.now_ms())
        return translate.to_created(projects.create(account, order, idempotency_key=repeat))

    @routes.post("/lip-sync")
    def lip_sync(account: Caller, body: wire.LipSyncRequest, repeat: IdempotencyKey = None) -> wire.Created:
        """Make the lips in a video follow another recording."""
        order = translate.from_lip_sync(body, account, handlers.rules, handlers.now_ms())
        return translate.to_created(projects.create(account, order, idempotency_key=repeat))

    @routes.get("/video-projects/{id}")
    def show_video(request: Request, account: Caller, id: str) -> wire.VideoProject:
        """Return the state of a video, and its download links."""
        return translate.to_video_project(handlers.find(account, id, *VIDEO_KINDS), handlers.linker(request))

    @routes.delete("/video-projects/{id}", status_code=204)
    def delete_video(account: Caller, id: str) -> None:
        """Delete a video for good."""
        handlers.find(account, id, *VIDEO_KINDS)
        projects.delete(account.id, id)


def _add_audio_routes(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]
    projects = handlers.services.projects

    @routes.post("/ai-voice-generator")
    def voice(account: Caller, body: wire.VoiceRequest, repeat: IdempotencyKey = None) -> wire.VoiceCreated:
        """Speak a text."""
        order = translate.from_voice(body, handlers.rules, handlers.now_ms())
        project = projects.create(account, order, idempotency_key=repeat)
        return wire.VoiceCreated(id=project.id, credits_charged=project.credits)

    @routes.get("/audio-projects/{id}")
    def show_audio(request: Request, account: Caller, id: str) -> wire.AudioProject:
        """Return the state of a spoken text, and its download links."""
        return translate.to_audio_project(handlers.find(account, id, "voice"), handlers.linker(request))

    @routes.delete("/audio-projects/{id}", status_code=204)
    def delete_audio(account: Caller, id: str) -> None:
        """Delete a spoken text for good."""
        handlers.find(account, id, "voice")
        projects.delete(account.id, id)


def _add_face_detection(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]

    @routes.post("/face-detection")
    def detect_faces(
        account: Caller, body: wire.FaceDetectionRequest, repeat: IdempotencyKey = None
    ) -> wire.FaceDetectionCreated:
        """Find faces in an image or a video; free of credits."""
        order = translate.from_face_detection(body)
        project = handlers.services.projects.create(account, order, idempotency_key=repeat)
        return wire.FaceDetectionCreated(id=project.id, credits_charged=0)

    @routes.get("/face-detection/{id}")
    def show_faces(request: Request, account: Caller, id: str) -> wire.FaceDetection:
        """Return the faces that were found."""
        return translate.to_face_detection(handlers.find(account, id, "face_detection"), handlers.linker(request))


def _add_account(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]

    @routes.get("/account")
    def show_account(account: Caller) -> wire.AccountAnswer:
        """Return the plan and the balance."""
        return translate.to_account(account, handlers.services.accounts.todays_balance(account))
