"""Errors of storages and their links."""

from __future__ import annotations

from lipsmith.errors import InputError, LipsmithError


class FileError(InputError):
    """The file cannot be stored or read."""

    code = "invalid_file"


class InvalidKey(FileError):
    """The name of the stored file is not valid."""

    code = "invalid_key"


class NotStored(FileError):
    """File not found: it was never uploaded, or it was deleted. Upload it again."""

    code = "not_stored"


class FileTooLarge(FileError):
    """The file is larger than allowed. Send a smaller one."""

    code = "file_too_large"


class FileInUse(FileError):
    """A job uses the file, so its content cannot change. Upload a new file instead."""

    code = "file_in_use"


class LinkRefused(FileError):
    """The link is not valid or has expired. Request a new one."""

    code = "link_refused"


class StorageFailed(LipsmithError):
    """The file could not be stored or read. Check the disk or the storage service."""

    code = "storage_failed"
