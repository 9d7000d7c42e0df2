"""Everything the owner of a server may decide: one typed object, made once, passed down.

Each field is also an environment variable: ``LIPSMITH_`` and its name in capitals.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lipsmith.dialects.magic_hour.wire import LipSyncMode
from lipsmith.service.billing.plans import PLANS, Plan, PlanName, adjusted
from lipsmith.service.fault_injection import POINTS, Point


def _separated(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)]
Modes = Annotated[tuple[LipSyncMode, ...], NoDecode, BeforeValidator(_separated)]
"""Written as one text with commas."""


class Settings(BaseSettings):
    """The settings of `lipsmith serve`, `lipsmith worker` and the commands for administrators."""

    model_config = SettingsConfigDict(env_prefix="LIPSMITH_", extra="ignore", frozen=True)

    data_dir: Path = Field(description="Folder of the database, all files and the server's own secret.")
    database_url: SecretStr | None = Field(
        default=None,
        description="`postgresql://user:password@host/name`, where several machines share the work; without it, a "
        "SQLite file in the data folder.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Signs links and seals webhook secrets; the same on all machines that share a database. Without "
        "it, one is made and kept in the data folder.",
    )
    old_secret_keys: SecretStr | None = Field(
        default=None,
        description="Earlier values of `LIPSMITH_SECRET_KEY`, separated by commas: what they have signed and sealed "
        "still counts.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` is all of them.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address under which callers reach the server, where a proxy stands in front. Links begin with it.",
    )
    workers: int = Field(default=1, ge=0, le=64, description="Videos rendered at once; 0 leaves it to other machines.")
    fetch_allow: str = Field(
        default="",
        description="Hosts, addresses or networks, each with a port if wished, that may be asked for files and told by "
        "webhooks although they are not public; separated by commas.",
    )
    s3_bucket: str | None = Field(
        default=None,
        description="Bucket of an S3-compatible storage service for all files, instead of the data folder; needs the "
        "extra `s3`.",
    )
    s3_endpoint: str | None = Field(
        default=None, pattern=r"^https?://", description="Address of the storage service; without it, AWS."
    )
    s3_public_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address at which callers reach the storage service for downloads, where it is another one.",
    )
    s3_region: str = Field(default="us-east-1", description="Region of the bucket.")
    s3_access_key: str | None = Field(
        default=None, description="Access key of the storage service; without it, boto3 looks where it is used to."
    )
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret key that belongs to the access key.")
    s3_folder: str = Field(
        default="",
        pattern=r"^([a-z0-9_-]{1,64}/)*$",
        description="Folder of the bucket below which everything is kept, such as `lipsmith/`.",
    )
    head_timeout_s: float = Field(
        default=10, gt=0, le=600, description="How long a caller may take to send a request's line and headers."
    )
    stall_timeout_s: float = Field(
        default=60, gt=0, le=3600, description="How long a caller may neither send nor take anything within a request."
    )
    min_bytes_per_s: int = Field(
        default=1000,
        ge=0,
        description="How quickly a body has to come, on average over each `LIPSMITH_STALL_TIMEOUT_S`.",
    )
    max_connections: int = Field(
        default=4096, ge=1, le=100_000, description="Connections at once; fewer where the system allows fewer files."
    )
    max_connections_per_address: int = Field(
        default=1024,
        ge=1,
        le=100_000,
        description="Connections at once from one address, or one IPv6 network of 64 bits. Behind a proxy, all come "
        "from the proxy's.",
    )
    allowed_hosts: Names = Field(
        default=(),
        description="Names, with a port if wished, under which callers may ask, separated by commas; `*` is any. "
        "Without it: any, or where `LIPSMITH_PUBLIC_URL` is set, that one and this machine's own.",
    )
    upload_link_hours: int = Field(default=24, ge=1, le=168, description="How long an upload link works.")
    download_link_hours: int = Field(default=24, ge=1, le=168, description="How long a download link works.")
    max_realistic_s: float = Field(
        default=60, gt=0, description="Longest talking photo in the mode realistic, seconds."
    )
    max_prompted_s: float = Field(default=60, gt=0, description="Longest talking photo in the mode prompted, seconds.")
    max_text_characters: int = Field(
        default=1000, ge=1, le=100_000, description="Longest text that is spoken, characters, tags included."
    )
    stand_in_voice: str | None = Field(
        default=None,
        description="Who speaks where a voice is asked for that is not here, such as `en-gb+f3`; without it, a neutral "
        "voice that fits.",
    )
    youtube: bool = Field(
        default=False,
        description="Whether lip sync may take videos from YouTube; needs the extra `youtube`. Its terms, and those of "
        "the videos, are yours to keep.",
    )
    max_lip_sync_frames: int = Field(default=120_000, gt=0, description="Longest lip sync, frames.")
    paid_lip_sync_modes: Modes = Field(
        default=("standard", "pro"), description="Modes of lip sync that need a paid plan, separated by commas."
    )
    akool_max_talking_photo_s: float = Field(
        default=120,
        gt=0,
        description="Longest talking photo of AKOOL's API, seconds: a longer sound fails. Until the sound is fetched, "
        "credits for so long are held, or for as long as there are any.",
    )
    akool_max_lip_sync_s: float = Field(
        default=60, gt=0, description="Longest lip sync of AKOOL's API, seconds; credits are held in the same way."
    )
    akool_tells_beginning: bool = Field(
        default=False, description="Whether AKOOL's webhooks are told too when a video begins to render."
    )
    free_concurrency: int = Field(
        default=PLANS["free"].concurrency, ge=1, description="Jobs of one free account that run at once."
    )
    creator_concurrency: int = Field(
        default=PLANS["creator"].concurrency, ge=1, description="Jobs of one account of the plan creator."
    )
    pro_concurrency: int = Field(
        default=PLANS["pro"].concurrency, ge=1, description="Jobs of one account of the plan pro."
    )
    business_concurrency: int = Field(
        default=PLANS["business"].concurrency, ge=1, description="Jobs of one account of the plan business."
    )
    free_daily_credits: int = Field(
        default=PLANS["free"].daily_credits, ge=0, description="Credits a free account gets for each day it is used."
    )
    max_attempts: int = Field(default=3, ge=1, description="How often a job is begun before it fails.")
    render_timeout_s: float = Field(default=7200, gt=0, description="Longest time one video may take to render.")
    render_memory_mb: int = Field(
        default=8192, ge=3072, description="Address space of a rendering process; the libraries reserve about 2,500 MB."
    )
    render_file_mb: int = Field(default=4096, ge=1, description="Size of one file a rendering process may write.")
    drain_s: float = Field(
        default=5, ge=0, le=3600, description="How long running videos may go on after a request to stop."
    )
    fault: Point | None = Field(
        default=None, description="For tests: the point at which the process dies; one of " + ", ".join(POINTS) + "."
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="What is logged: `debug` to `error`."
    )

    @property
    def secret(self) -> bytes | None:
        """The secret key's bytes, where one is given."""
        return None if self.secret_key is None else self.secret_key.get_secret_value().encode()

    @property
    def old_secrets(self) -> tuple[bytes, ...]:
        """The bytes of earlier secret keys."""
        text = "" if self.old_secret_keys is None else self.old_secret_keys.get_secret_value()
        return tuple(part.strip().encode() for part in text.split(",") if part.strip())

    @property
    def plans(self) -> Mapping[PlanName, Plan]:
        """What accounts of each plan may do here."""
        concurrency: Mapping[PlanName, int] = {
            "free": self.free_concurrency,
            "creator": self.creator_concurrency,
            "pro": self.pro_concurrency,
            "business": self.business_concurrency,
        }
        return adjusted(concurrency, free_daily_credits=self.free_daily_credits)

    @property
    def database(self) -> str:
        """The database's URL, with its password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'lipsmith.db'}"


def default_data_dir() -> Path:
    """Where this platform keeps such data."""
    home = Path.home()
    if os.name == "posix" and (home / "Library").is_dir():
        return home / "Library" / "Application Support" / "lipsmith"
    return home / ".local" / "share" / "lipsmith"
