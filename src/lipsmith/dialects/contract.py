"""Contract between the server and a dialect: one vendor's API, with everything the server has to know about it.

A dialect is a package below `lipsmith.dialects` whose ``DIALECT`` is a subclass of `Dialect`. Deleting the package
removes the API and nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic_settings import BaseSettings, SettingsConfigDict

import lipsmith.dialects
from lipsmith.errors import LipsmithError
from lipsmith.pipeline.options import JsonValue
from lipsmith.service.billing.accounts import Account, Accounts
from lipsmith.service.billing.plans import Plan
from lipsmith.service.errors import (
    InsufficientCredits,
    InvalidRequest,
    KeyReused,
    NotFound,
    PlanTooSmall,
    QuotaReached,
    Unauthorized,
    UnusableAsset,
)
from lipsmith.service.jobs.orders import Projects
from lipsmith.service.network.assets import AssetNames, Assets
from lipsmith.service.network.webhooks import EventFormatter
from lipsmith.service.processes.clock import Clock
from lipsmith.service.processes.voice_list import InstalledVoices
from lipsmith.storage.contract import Link, Links, Storage
from lipsmith.storage.errors import FileInUse, FileTooLarge, LinkRefused, NotStored

if TYPE_CHECKING:  # the web framework, which the commands for administrators do without
    from fastapi import APIRouter, Request

STATUSES: Mapping[type[LipsmithError], int] = {
    InvalidRequest: 400,
    Unauthorized: 401,
    InsufficientCredits: 402,
    PlanTooSmall: 402,
    LinkRefused: 403,
    NotFound: 404,
    NotStored: 404,
    FileInUse: 409,
    FileTooLarge: 413,
    UnusableAsset: 422,
    KeyReused: 422,
    QuotaReached: 429,
}
"""HTTP statuses of errors, subclasses included; all others are 500."""

Linker = Callable[[str], Link]
"""Makes a fresh download link, as an absolute URL, for a key of the storage."""
PublicLink = Callable[[str, int | None], Link]
"""Makes the same outside of a request, for a key and a lifetime in seconds; None for the server's own lifetime."""


def split_names(value: object) -> object:
    """Return the parts of a text with commas; anything else as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class DialectSettings(BaseSettings):
    """Settings of one dialect, read from the environment like those of the server."""

    model_config = SettingsConfigDict(env_prefix="LIPSMITH_", extra="ignore", frozen=True)


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """Names and limits of the whole service that a vendor publishes and its clients rely on."""

    plans: Mapping[str, Plan]
    """Plans by name, the smallest first."""
    key_prefix: str
    """First characters of every API key."""
    assets: AssetNames


@dataclass(frozen=True, kw_only=True)
class Services:
    """Parts of the server that the handlers of a dialect use."""

    accounts: Accounts
    assets: Assets
    projects: Projects
    storage: Storage
    links: Links
    clock: Clock
    voices: InstalledVoices
    base_url: Callable[[Request], str]
    """Address under which the sender of a request reaches the server."""
    upload_link_s: int
    """Lifetime of upload links, seconds."""
    download_link_s: int
    """Lifetime of download links, seconds, unless the vendor promises one."""
    no_youtube: str | None
    """Reason why videos are not fetched from YouTube, and what to do; None if they are."""


class ErrorFormat(Protocol):
    """Answer to a request that fails."""

    def status(self, error: LipsmithError) -> int:
        """Return the HTTP status of ``error``; 500 if the caller cannot do anything about it."""
        ...

    def body(self, error: LipsmithError, code: str | None) -> Mapping[str, JsonValue]:
        """Return the JSON body. ``code`` is the server's own stable code, if it has one."""
        ...


class PlainErrors:
    """Errors as ``{"message": ..., "code": ...}`` with the statuses of `STATUSES`."""

    def status(self, error: LipsmithError) -> int:
        """Return the HTTP status of ``error``."""
        return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 500)

    def body(self, error: LipsmithError, code: str | None) -> Mapping[str, JsonValue]:
        """Return the JSON body."""
        return {"message": error.message} | ({"code": code} if code else {})


PLAIN_ERRORS = PlainErrors()


@dataclass(frozen=True, kw_only=True)
class Api:
    """HTTP side of a dialect."""

    router: APIRouter
    authenticate: Callable[[Mapping[str, str]], Account]
    """Account that a request's headers belong to. Raises Unauthorized."""
    key_help: str
    """How to send the key, one sentence for the documentation page; code in backticks."""
    errors: ErrorFormat = PLAIN_ERRORS
    open_paths: frozenset[str] = frozenset()
    """Paths that need no key."""
    upload_paths: tuple[str, ...] = ()
    """Paths whose handlers read the body themselves, so that it may be a large file."""
    cross_origin: bool = False
    """Whether web pages of any origin may call it."""


class Dialect(ABC):
    """One vendor's API. Its settings are read when it is made; the web framework is loaded by `api`."""

    name: ClassVar[str]
    """Stored with each project."""
    rank: ClassVar[int]
    """Place among the dialects. The first one formats webhooks that name no dialect."""
    prefix: ClassVar[str]
    """Path below which all its routes are, with a slash at the end."""
    settings_class: ClassVar[type[DialectSettings]]

    @abstractmethod
    def api(self, services: Services) -> Api:
        """Make the routes."""

    @abstractmethod
    def formatter(self, link: PublicLink) -> EventFormatter:
        """Make the formatter of its webhooks."""

    def conventions(self) -> Conventions | None:
        """Return the names and limits that the vendor publishes. Those of the first dialect with any apply."""
        return None


def find_all() -> Sequence[type[Dialect]]:
    """Find all dialects, by `Dialect.rank`."""
    packages = [found.name for found in pkgutil.iter_modules(lipsmith.dialects.__path__) if found.ispkg]
    found = [importlib.import_module(f"lipsmith.dialects.{name}").DIALECT for name in packages]
    return sorted(found, key=lambda dialect: (dialect.rank, dialect.name))


def bearer_key(headers: Mapping[str, str]) -> str:
    """Return the key of an ``Authorization: Bearer`` header; empty if there is none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
