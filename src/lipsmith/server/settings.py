"""Settings of the server, read from the environment once and passed down.

Each field is also an environment variable: ``LIPSMITH_`` and its name in capitals. Dialects add settings of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lipsmith.dialects.contract import find_all, split_names
from lipsmith.errors import InvalidOption
from lipsmith.service.processes.sandbox import SandboxLevel

FORMER_NAMES: Mapping[str, str] = {"workers": "concurrency"}
"""Former names of settings, which work for one more release, and the current ones."""


def _engine_choices(value: object) -> object:
    """Read ``role=name`` pairs, separated by commas."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip() for part in value.split(",") if part.strip()]
    for pair in pairs:
        if not re.fullmatch(r"\w+=[\w.-]+", pair):
            raise ValueError(f"{pair!r} is not of the form role=name")
    return dict(pair.split("=") for pair in pairs)


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names)]
"""Names in one text, separated by commas."""
Engines = Annotated[dict[str, str], NoDecode, BeforeValidator(_engine_choices)]


class Settings(BaseSettings):
    """Settings of `lipsmith serve`, `lipsmith runner` and the commands for administrators."""

    model_config = SettingsConfigDict(env_prefix="LIPSMITH_", extra="ignore", frozen=True)

    data_dir: Path = Field(description="Folder of the database, all files and the server's own secret.")
    database_url: SecretStr | None = Field(
        default=None,
        description="`postgresql://user:password@host/name`, to share the work between several machines. If unset, a "
        "SQLite file in the data folder.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret that signs links and encrypts webhook secrets; the same on all machines that share a "
        "database. If unset, one is made and kept in the data folder.",
    )
    old_secret_keys: SecretStr | None = Field(
        default=None,
        description="Former values of `LIPSMITH_SECRET_KEY`, separated by commas. Links that they signed keep working.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` for all addresses.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 for any free one.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address at which clients reach the server, if a proxy stands in front. Links start with it.",
    )
    concurrency: int = Field(
        default=1, ge=0, le=64, description="Videos rendered at once; 0 leaves rendering to other machines."
    )
    workers: int | None = Field(
        default=None, ge=0, le=64, description="Former name of `LIPSMITH_CONCURRENCY`, accepted for one more release."
    )
    engines: Engines = Field(
        default={},
        description="Engines to use instead of the default ones, as `role=name`, separated by commas, such as "
        "`photo_animator=classic`.",
    )
    fetch_allow: str = Field(
        default="",
        description="Hosts, addresses or networks, each with or without a port, that inputs are fetched from and "
        "webhooks are sent to although they are not public; separated by commas.",
    )
    s3_bucket: str | None = Field(
        default=None,
        description="Bucket of an S3-compatible storage service for all files, instead of the data folder. Needs the "
        "extra `s3`.",
    )
    s3_endpoint: str | None = Field(
        default=None, pattern=r"^https?://", description="Address of the storage service. If unset, AWS."
    )
    s3_public_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address at which clients download from the storage service, if it is a different one.",
    )
    s3_region: str = Field(default="us-east-1", description="Region of the bucket.")
    s3_access_key: str | None = Field(
        default=None,
        description="Access key of the storage service. If unset, boto3's default credential chain is used.",
    )
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret key that belongs to the access key.")
    s3_folder: str = Field(
        default="",
        pattern=r"^([a-z0-9_-]{1,64}/)*$",
        description="Folder of the bucket for all files, such as `lipsmith/`.",
    )
    head_timeout_s: float = Field(
        default=10, gt=0, le=600, description="Longest time to receive a request's line and headers, seconds."
    )
    stall_timeout_s: float = Field(
        default=60, gt=0, le=3600, description="Longest pause in a request or an answer before it is cut off, seconds."
    )
    min_bytes_per_s: int = Field(
        default=1000,
        ge=0,
        description="Minimum upload speed, bytes per second, on average over each `LIPSMITH_STALL_TIMEOUT_S`.",
    )
    max_connections: int = Field(
        default=4096,
        ge=1,
        le=100_000,
        description="Connections at once; fewer if the system's limit of open files is lower.",
    )
    max_connections_per_address: int = Field(
        default=1024,
        ge=1,
        le=100_000,
        description="Connections at once from one address, or from one IPv6 network of 64 bits. Behind a proxy, all "
        "connections come from its address.",
    )
    allowed_hosts: Names = Field(
        default=(),
        description="Host names, with or without a port, that requests may address, separated by commas; `*` for any. "
        "If unset, any; if `LIPSMITH_PUBLIC_URL` is set, its host and this machine's own names.",
    )
    upload_link_hours: int = Field(default=24, ge=1, le=168, description="Lifetime of upload links, hours.")
    download_link_hours: int = Field(default=24, ge=1, le=168, description="Lifetime of download links, hours.")
    youtube: bool = Field(
        default=False,
        description="Allow lip sync of videos from YouTube. Needs the extra `youtube`. Compliance with YouTube's terms "
        "and the videos' licences is your responsibility.",
    )
    max_attempts: int = Field(default=3, ge=1, description="Attempts at a job before it fails.")
    render_timeout_s: float = Field(default=7200, gt=0, description="Longest time to render one video, seconds.")
    render_memory_mb: int = Field(
        default=8192,
        ge=3072,
        description="Address space of a rendering process, MB; the libraries reserve about 2,500.",
    )
    render_file_mb: int = Field(default=4096, ge=1, description="Largest file that a rendering process may write, MB.")
    sandbox: SandboxLevel = Field(
        default="full",
        description="Guards of rendering processes without which the server does not start: `full` for all, `network` "
        "to accept that they can read the files of the server's user, `off` to accept everything.",
    )
    drain_s: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="Time that running videos get to finish when the process is stopped, seconds.",
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="Lowest level to log: `debug` to `error`."
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_former_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        renamed = {new: values[old] for old, new in FORMER_NAMES.items() if values.get(old) is not None}
        return renamed | values

    @property
    def former_names(self) -> Mapping[str, str]:
        """Former names that are in use, and the current ones, as environment variables."""
        return {
            _variable(old): _variable(new) for old, new in FORMER_NAMES.items() if getattr(self, old, None) is not None
        }

    @property
    def secret(self) -> bytes | None:
        """Bytes of the secret key; None if none is set."""
        return None if self.secret_key is None else self.secret_key.get_secret_value().encode()

    @property
    def old_secrets(self) -> tuple[bytes, ...]:
        """Bytes of the former secret keys."""
        text = "" if self.old_secret_keys is None else self.old_secret_keys.get_secret_value()
        return tuple(part.strip().encode() for part in text.split(",") if part.strip())

    @property
    def database(self) -> str:
        """URL of the database, with its password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'lipsmith.db'}"


def all_settings() -> Iterator[tuple[str, FieldInfo]]:
    """Yield the environment variable and the field of each setting: those of the server, then those of dialects."""
    sections: list[type[BaseSettings]] = [Settings, *(dialect.settings_class for dialect in find_all())]
    for section in sections:
        prefix = section.model_config["env_prefix"]
        yield from ((_variable(name, prefix), field) for name, field in section.model_fields.items())


def invalid_setting(error: ValidationError) -> InvalidOption:
    """Return the error for settings that are out of their limits."""
    faults = (f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
    return InvalidOption(f"Invalid setting. {'; '.join(faults)}. See docs/reference/settings.md.")


def default_data_dir() -> Path:
    """Return the data folder of this platform's user, such as ``~/.local/share/lipsmith``."""
    former = Path.home() / ".local" / "share" / "lipsmith"
    if former.is_dir():  # earlier versions ignored XDG_DATA_HOME
        return former
    return platformdirs.user_data_path("lipsmith", appauthor=False)


def _variable(name: str, prefix: str = "LIPSMITH_") -> str:
    return f"{prefix}{name}".upper()
