"""Thin handlers: who asks, what they want in our words, the answer in theirs. No rules.

Annotations are evaluated here, not postponed: FastAPI reads them, and some name what only `router` knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urljoin

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from lipsmith.dialects.akool import translate, wire
from lipsmith.dialects.akool.uploads import UploadReceiver
from lipsmith.service.billing.accounts import Account, Accounts
from lipsmith.service.errors import InvalidRequest, NotFound, Suspended, Unauthorized
from lipsmith.service.jobs.orders import Order, Projects
from lipsmith.service.network.assets import Assets, Offer
from lipsmith.service.network.fetch import check_url
from lipsmith.service.processes.clock import Clock
from lipsmith.service.processes.voice_list import InstalledVoices
from lipsmith.service.project import Kind, Project
from lipsmith.storage.contract import Link, Links, Storage, Upload

PREFIX = "/api/open/v3"
TOKEN_PATH = f"{PREFIX}/getToken"
UPLOAD_PATH = f"{PREFIX}/upload"
AUDIO_KINDS: tuple[Kind, ...] = ("voice",)
VIDEO_KINDS: tuple[Kind, ...] = ("talking_photo", "lip_sync")
Origin = Literal["", "3", "4"]
"""Of voices: all, those that everybody has, and one's own, of which there are none."""
_BEARER = HTTPBearer(scheme_name="token", description="A token of getToken, or an API key.", auto_error=False)
_KEY = APIKeyHeader(name="x-api-key", scheme_name="apiKey", description="The client secret.", auto_error=False)

TalkingPhoto = wire.Answer[wire.TalkingPhoto]
LipSync = wire.Answer[wire.LipSync]
Video = wire.Answer[wire.FailedTalkingPhoto | wire.FailedLipSync | wire.TalkingPhoto | wire.LipSync]
Audio = wire.Answer[wire.FailedAudio | wire.Audio]
VoiceList = wire.Answer[list[wire.Voice]]
Credit = wire.Answer[wire.Credit]
Uploaded = wire.Answer[wire.Upload]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the handlers work with."""

    accounts: Accounts
    assets: Assets
    projects: Projects
    voices: InstalledVoices
    storage: Storage
    links: Links
    clock: Clock
    rules: translate.Rules
    base_url: Callable[[Request], str]
    """The address under which the caller reaches us."""


def authenticate(accounts: Accounts, headers: Mapping[str, str]) -> Account:
    """Whose request it is. Raises Unauthorized.

    ``Authorization`` decides where it is there, and ``x-api-key`` counts for nothing then.
    """
    key = headers.get("x-api-key", "")
    if given := headers.get("authorization", "").strip():
        scheme, _, key = given.partition(" ")
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


def router(parts: Parts) -> APIRouter:
    """All routes of this dialect."""
    routes = APIRouter(prefix=PREFIX, tags=["AKOOL"])

    def described(token: Annotated[object, Depends(_BEARER)], key: Annotated[object, Depends(_KEY)]) -> None:
        """Only so that the API's description says how to authenticate."""

    def caller(request: Request, _: Annotated[None, Depends(described)]) -> Account:
        return authenticate(parts.accounts, request.headers)

    Caller = Annotated[Account, Depends(caller)]
    Id = Annotated[str, Query(min_length=1, max_length=255)]

    def linker(request: Request) -> translate.Linker:
        def link(key: str) -> Link:
            made = parts.links.download(key, lifetime_s=translate.KEPT_DAYS * 86_400)
            return Link(url=urljoin(parts.base_url(request), made.url), expires_at_s=made.expires_at_s)

        return link

    def created(account: Account, order: Order) -> Project:
        if order.webhook is not None:
            check_url(order.webhook)
            if parts.accounts.client(account.id) is None:
                raise InvalidRequest("webhookUrl: the account has no client credentials to encrypt with yet.")
        return parts.projects.create(account, order)

    def found(account: Account, id: str, kinds: tuple[Kind, ...]) -> Project:
        shown = parts.projects.show(account.id, translate.from_id(id))
        if shown.kind not in kinds or shown.dialect != translate.NAME:
            raise NotFound()
        translate.check_kept(shown, parts.clock.now_ms())
        return shown

    @routes.post("/getToken")
    def get_token(body: wire.TokenRequest) -> wire.Token:
        """Changes a client id and a client secret for a token."""
        return wire.Token(token=parts.accounts.make_token(body.clientId, body.clientSecret))

    @routes.post("/content/video/createbytalkingphoto")
    def talking_photo(request: Request, account: Caller, body: wire.TalkingPhotoRequest) -> TalkingPhoto:
        """Makes a photo speak."""
        order = translate.from_talking_photo(body, account, parts.rules, parts.clock.now_ms())
        return TalkingPhoto.model_validate({"data": translate.to_video(created(account, order), linker(request))})

    @routes.post("/content/video/lipsync")
    def lip_sync(request: Request, account: Caller, body: wire.LipSyncRequest) -> LipSync:
        """Makes the lips in a video follow another recording."""
        order = translate.from_lip_sync(body, account, parts.rules, parts.clock.now_ms())
        return LipSync.model_validate({"data": translate.to_video(created(account, order), linker(request))})

    @routes.get("/content/video/infobymodelid")
    def show_video(request: Request, account: Caller, video_model_id: Id) -> Video:
        """Tells how far a video is, and where to get it."""
        project = found(account, video_model_id, VIDEO_KINDS)
        return Video.model_validate({"data": translate.to_video(project, linker(request))})

    @routes.get("/voice/list")
    def list_voices(account: Caller, origin: Annotated[Origin, Query(alias="from")] = "") -> VoiceList:
        """Lists who can speak."""
        known = parts.voices.all() if origin in ("", str(translate.VENDORS_VOICES)) else ()
        return VoiceList(data=[translate.to_voice(voice) for voice in known])

    @routes.post("/audio/create")
    def speak(request: Request, account: Caller, body: wire.AudioRequest) -> Audio:
        """Speaks a text."""
        order = translate.from_audio(body, parts.voices.find(body.voice_id), parts.clock.now_ms())
        return Audio(data=translate.to_audio(created(account, order), linker(request)))

    @routes.get("/audio/infobymodelid")
    def show_audio(request: Request, account: Caller, audio_model_id: Id) -> Audio:
        """Tells how far a spoken text is, and where to get it."""
        return Audio(data=translate.to_audio(found(account, audio_model_id, AUDIO_KINDS), linker(request)))

    @routes.post("/faceswap/result/delbyids")
    def delete(account: Caller, body: wire.DeleteRequest) -> wire.Done:
        """Forgets what was made, for good; all of them or, where one is unknown, none."""
        ids = [translate.from_id(part.strip()) for part in body.ids.split(",") if part.strip()]
        for project in [parts.projects.show(account.id, id) for id in ids]:
            parts.projects.delete(account.id, project.id)
        return wire.Done()

    @routes.get("/faceswap/quota/info")
    def show_credit(account: Caller) -> Credit:
        """Tells the balance."""
        return Credit(data=wire.Credit(credit=parts.accounts.todays_balance(account)))

    @routes.post("/upload")
    async def upload(request: Request, account: Caller) -> Uploaded:
        """Takes a file, as the body or in a form, and answers with a URL that is good as an input for seven days.

        The vendor has no such route.
        """
        offers: list[Offer] = []

        def begin(extension: str) -> Upload:
            offers.extend(parts.assets.offer(account.id, [("any", extension)]))
            return parts.storage.begin(offers[0].key, max_bytes=account.plan.max_upload_bytes)

        taker = UploadReceiver(request.headers.get("content-type", ""), begin)
        try:
            async for chunk in request.stream():
                await run_sync(taker.take, chunk)
            size = await run_sync(taker.finish)
        finally:
            await run_sync(taker.close)
        [offer] = offers
        await run_sync(parts.assets.received, offer.key, size)
        url = (await run_sync(linker(request), offer.key)).url
        return Uploaded(data=wire.Upload(url=url, size=size, expires_at=offer.expires_ms))

    return routes
