"""Errors of the service and the server."""

from __future__ import annotations

from lipsmith.errors import InputError, LipsmithError


class SourceError(InputError):
    """The file could not be fetched from its URL."""

    code = "invalid_source"


class InvalidUrl(SourceError):
    """The URL cannot be used. Give one that starts with http:// or https:// and has no user name or password."""

    code = "invalid_url"


class SourceUnreachable(SourceError):
    """The URL could not be reached. Check that it is open to the public internet, or upload the file instead."""

    code = "source_unreachable"


class SourceRefused(SourceError):
    """The URL did not answer with a file. Check it in a browser, or upload the file instead."""

    code = "source_refused"


class SourceTooSlow(SourceError):
    """The download was too slow. Try again later, or upload the file instead."""

    code = "source_too_slow"


class RequestError(InputError):
    """The server cannot do this."""

    code = "request_refused"


class InvalidRequest(RequestError):
    """A field of the request is missing or has an invalid value."""

    code = "invalid_request"


class Unauthorized(RequestError):
    """Unauthorized"""

    code = "unauthorized"


class Suspended(Unauthorized):
    """Unauthorized"""


class NotFound(RequestError):
    """Not Found"""

    code = "not_found"


class UnusableAsset(RequestError):
    """A file of the request does not exist or has the wrong type. Upload it again."""

    code = "unusable_asset"


class InsufficientCredits(RequestError):
    """The account has too few credits."""

    code = "insufficient_credits"


class PlanTooSmall(RequestError):
    """The account's plan does not include this. Choose another mode or a larger plan."""

    code = "plan_too_small"


class QuotaReached(RequestError):
    """The account has as many unfinished jobs or open uploads as its plan allows. Try again when some are done."""

    code = "quota_reached"


class KeyReused(RequestError):
    """The Idempotency-Key belongs to another request. Send a new key with a new request."""

    code = "idempotency_key_reused"


class InvalidBackup(InputError):
    """The file is not a backup of a server, or it is damaged. Use another one."""

    code = "invalid_backup"


class ProcessingError(LipsmithError):
    """The video could not be made."""

    code = "processing_error"


class RenderingDied(ProcessingError):
    """The child process that rendered this job failed at every attempt. Try another image or recording."""

    code = "processing_failed"


class RenderingTooSlow(ProcessingError):
    """Rendering took longer than the server allows. Request a shorter or smaller video."""

    code = "processing_timeout"


class DataFolderInUse(LipsmithError):
    """Another server uses this data folder. Stop it first, or choose another folder."""

    code = "data_folder_in_use"
