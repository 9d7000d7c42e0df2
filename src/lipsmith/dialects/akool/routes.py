"""Routes of AKOOL's API: thin handlers that authenticate, translate and answer.

Annotations are evaluated here, not postponed: FastAPI reads them, and some name what only a function knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urljoin

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from lipsmith.dialects.akool import translate, wire
from lipsmith.dialects.akool.uploads import UploadReceiver
from lipsmith.dialects.contract import Linker, Services
from lipsmith.service.billing.accounts import Account, Accounts
from lipsmith.service.errors import InvalidRequest, NotFound, Suspended, Unauthorized
from lipsmith.service.jobs.orders import Order
from lipsmith.service.network.assets import Offer
from lipsmith.service.network.fetch import check_url
from lipsmith.service.project import Kind, Project
from lipsmith.storage.contract import Link, Upload

AUDIO_KINDS: tuple[Kind, ...] = ("voice",)
VIDEO_KINDS: tuple[Kind, ...] = ("talking_photo", "lip_sync")
Origin = Literal["", "3", "4"]
"""Voices to list: all, those of the server, or the account's own, of which there are none."""
_BEARER = HTTPBearer(scheme_name="token", description="A token of getToken, or an API key.", auto_error=False)
_KEY = APIKeyHeader(name="x-api-key", scheme_name="apiKey", description="The client secret.", auto_error=False)

TalkingPhoto = wire.Answer[wire.TalkingPhoto]
LipSync = wire.Answer[wire.LipSync]
Video = wire.Answer[wire.FailedTalkingPhoto | wire.FailedLipSync | wire.TalkingPhoto | wire.LipSync]
Audio = wire.Answer[wire.FailedAudio | wire.Audio]
VoiceList = wire.Answer[list[wire.Voice]]
Credit = wire.Answer[wire.Credit]
Uploaded = wire.Answer[wire.Upload]
Id = Annotated[str, Query(min_length=1, max_length=255)]


def authenticate(accounts: Accounts, headers: Mapping[str, str]) -> Account:
    """Return the account of a request. Raises Unauthorized.

    ``Authorization`` takes precedence over ``x-api-key``.
    """
    key = headers.get("x-api-key", "")
    if authorization := headers.get("authorization", "").strip():
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized()
    if not key.strip():
        raise translate.NoKey()
    for known in (accounts.authenticate_secret, accounts.authenticate, accounts.authenticate_token):
        try:
            return known(key.strip())
        except Suspended:
            raise
        except Unauthorized:
            continue
    raise Unauthorized()


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """Steps that several handlers share."""

    services: Services
    rules: translate.Rules

    def caller(
        self, request: Request, token: Annotated[object, Depends(_BEARER)], key: Annotated[object, Depends(_KEY)]
    ) -> Account:
        """Return the account of a request. ``token`` and ``key`` are there for the API's description alone."""
        return authenticate(self.services.accounts, request.headers)

    def now_ms(self) -> int:
        """Return the time, milliseconds since 1970."""
        return self.services.clock.now_ms()

    def linker(self, request: Request) -> Linker:
        """Return a linker for the sender of ``request``."""

        def link(key: str) -> Link:
            made = self.services.links.download(key, lifetime_s=translate.KEPT_S)
            return Link(url=urljoin(self.services.base_url(request), made.url), expires_at_s=made.expires_at_s)

        return link

    def create(self, account: Account, order: Order) -> Project:
        """Queue an order. Raises InvalidRequest if its webhook cannot be used."""
        if order.webhook is not None:
            check_url(order.webhook)
            if self.services.accounts.client(account.id) is None:
                raise InvalidRequest("webhookUrl: the account has no client credentials to encrypt with yet.")
        return self.services.projects.create(account, order)

    def find(self, account: Account, id: str, kinds: tuple[Kind, ...]) -> Project:
        """Return a project of this API. Raises NotFound or ResultExpired."""
        found = self.services.projects.show(account.id, translate.from_id(id))
        if found.kind not in kinds or found.dialect != translate.NAME:
            raise NotFound()
        translate.check_kept(found, self.now_ms())
        return found


def router(services: Services, rules: translate.Rules, prefix: str) -> APIRouter:
    """Make all routes."""
    routes = APIRouter(prefix=prefix, tags=["AKOOL"])
    handlers = Handlers(services=services, rules=rules)
    _add_video_routes(routes, handlers)
    _add_audio_routes(routes, handlers)
    _add_account_routes(routes, handlers)
    _add_upload(routes, handlers)
    return routes


def _add_video_routes(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]

    @routes.post("/getToken")
    def get_token(body: wire.TokenRequest) -> wire.Token:
        """Exchange a client id and a client secret for a token."""
        return wire.Token(token=handlers.services.accounts.make_token(body.clientId, body.clientSecret))

    @routes.post("/content/video/createbytalkingphoto")
    def talking_photo(request: Request, account: Caller, body: wire.TalkingPhotoRequest) -> TalkingPhoto:
        """Make a photo speak."""
        order = translate.from_talking_photo(body, account, handlers.rules, handlers.now_ms())
        video = translate.to_video(handlers.create(account, order), handlers.linker(request))
        return TalkingPhoto.model_validate({"data": video})

    @routes.post("/content/video/lipsync")
    def lip_sync(request: Request, account: Caller, body: wire.LipSyncRequest) -> LipSync:
        """Make the lips in a video follow another recording."""
        order = translate.from_lip_sync(body, account, handlers.rules, handlers.now_ms())
        video = translate.to_video(handlers.create(account, order), handlers.linker(request))
        return LipSync.model_validate({"data": video})

    @routes.get("/content/video/infobymodelid")
    def show_video(request: Request, account: Caller, video_model_id: Id) -> Video:
        """Return the state of a video, and its URL."""
        project = handlers.find(account, video_model_id, VIDEO_KINDS)
        return Video.model_validate({"data": translate.to_video(project, handlers.linker(request))})


def _add_audio_routes(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]
    voices = handlers.services.voices

    @routes.get("/voice/list")
    def list_voices(account: Caller, origin: Annotated[Origin, Query(alias="from")] = "") -> VoiceList:
        """List the voices."""
        known = voices.all() if origin in ("", str(translate.SERVER_VOICES)) else ()
        return VoiceList(data=[translate.to_voice(voice) for voice in known])

    @routes.post("/audio/create")
    def speak(request: Request, account: Caller, body: wire.AudioRequest) -> Audio:
        """Speak a text."""
        order = translate.from_audio(body, voices.find(body.voice_id), handlers.now_ms())
        return Audio(data=translate.to_audio(handlers.create(account, order), handlers.linker(request)))

    @routes.get("/audio/infobymodelid")
    def show_audio(request: Request, account: Caller, audio_model_id: Id) -> Audio:
        """Return the state of a spoken text, and its URL."""
        project = handlers.find(account, audio_model_id, AUDIO_KINDS)
        return Audio(data=translate.to_audio(project, handlers.linker(request)))


def _add_account_routes(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]
    projects = handlers.services.projects

    @routes.post("/faceswap/result/delbyids")
    def delete(account: Caller, body: wire.DeleteRequest) -> wire.Done:
        """Delete results for good: all of them, or none if one is unknown."""
        ids = [translate.from_id(part.strip()) for part in body.ids.split(",") if part.strip()]
        for project in [projects.show(account.id, id) for id in ids]:
            projects.delete(account.id, project.id)
        return wire.Done()

    @routes.get("/faceswap/quota/info")
    def show_credit(account: Caller) -> Credit:
        """Return the balance."""
        return Credit(data=wire.Credit(credit=handlers.services.accounts.todays_balance(account)))


def _add_upload(routes: APIRouter, handlers: Handlers) -> None:
    Caller = Annotated[Account, Depends(handlers.caller)]
    assets, storage = handlers.services.assets, handlers.services.storage

    @routes.post("/upload")
    async def upload(request: Request, account: Caller) -> Uploaded:
        """Store a file, sent as the body or in a form, and return a URL to use as an input for seven days.

        The vendor has no such route.
        """
        offers: list[Offer] = []

        def begin(extension: str) -> Upload:
            offers.extend(assets.offer(account.id, [("any", extension)], most=account.plan.max_open_uploads))
            return storage.begin(offers[0].key, max_bytes=account.plan.max_upload_bytes)

        receiver = UploadReceiver(request.headers.get("content-type", ""), begin)
        try:
            async for chunk in request.stream():
                await run_sync(receiver.write, chunk)
            size = await run_sync(receiver.finish)
        finally:
            await run_sync(receiver.close)
        [offer] = offers
        await run_sync(assets.received, offer.key, size)
        url = (await run_sync(handlers.linker(request), offer.key)).url
        return Uploaded(data=wire.Upload(url=url, size=size, expires_at=offer.expires_ms))
