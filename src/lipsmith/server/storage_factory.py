"""Choice of the storage: the data folder, or a bucket if the settings name one."""

from __future__ import annotations

from dataclasses import dataclass

from lipsmith.server.settings import Settings
from lipsmith.storage.contract import Link, Links, Storage
from lipsmith.storage.links import SignedLinks
from lipsmith.storage.local import LocalStorage
from lipsmith.storage.s3 import S3Links, S3Storage, connect


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Storage, and links to its files."""

    storage: Storage
    links: Links


@dataclass(frozen=True, kw_only=True)
class BucketLinks:
    """Links to this server for uploads, since it limits their size; links to the storage service for downloads."""

    uploads: Links
    downloads: Links

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        return self.uploads.upload(key, max_bytes=max_bytes, lifetime_s=lifetime_s)

    def download(self, key: str, *, lifetime_s: int) -> Link:
        return self.downloads.download(key, lifetime_s=lifetime_s)


def make_stores(settings: Settings, signed_links: SignedLinks) -> Stores:
    """Make the storage that the settings ask for. Raises MissingDependency or StorageFailed."""
    if settings.s3_bucket is None:
        return Stores(storage=LocalStorage(settings.data_dir / "files"), links=signed_links)
    storage = _bucket(settings, settings.s3_bucket, settings.s3_endpoint)
    outside = _bucket(settings, settings.s3_bucket, settings.s3_public_endpoint or settings.s3_endpoint)
    return Stores(
        storage=storage, links=BucketLinks(uploads=signed_links, downloads=S3Links(storage, outside=outside.client))
    )


def _bucket(settings: Settings, name: str, endpoint: str | None) -> S3Storage:
    secret = settings.s3_secret_key
    client = connect(
        region=settings.s3_region,
        endpoint_url=endpoint,
        access_key=settings.s3_access_key,
        secret_key=None if secret is None else secret.get_secret_value(),
    )
    return S3Storage(client, name, folder=settings.s3_folder)
