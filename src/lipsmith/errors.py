"""Every error lipsmith raises on purpose.

    LipsmithError
    ├── InputError                 the caller can mend it (exit code 2)
    │   ├── ImageError
    │   │   ├── InvalidImage       invalid_image
    │   │   ├── ImageTooLarge      image_too_large
    │   │   └── ImageTooSmall      image_too_small
    │   ├── AudioError
    │   │   ├── InvalidAudio       invalid_audio
    │   │   ├── SilentAudio        no_audible_sound
    │   │   └── WindowOutOfRange   window_out_of_range
    │   ├── VideoError
    │   │   ├── InvalidVideo       invalid_video
    │   │   ├── VideoTooLarge      video_too_large
    │   │   └── VideoEncrypted     video_encrypted
    │   ├── FaceError
    │   │   ├── NoSourceFace       no_source_face
    │   │   ├── FaceTooSmall       face_too_small
    │   │   ├── FaceTurnedAway     face_turned_away
    │   │   └── NoSuchFace         no_such_face
    │   ├── VoiceError
    │   │   ├── UnknownVoice       unknown_voice
    │   │   ├── EmptyText          empty_text
    │   │   ├── InvalidMarkup      invalid_markup
    │   │   └── InvalidVoiceFile   invalid_voice_file
    │   ├── TranscriptNotUsed      transcript_not_used
    │   ├── FileError
    │   │   ├── InvalidKey         invalid_key
    │   │   ├── NotStored          not_stored
    │   │   ├── FileTooLarge       file_too_large
    │   │   ├── FileInUse          file_in_use
    │   │   └── LinkRefused        link_refused
    │   ├── SourceError
    │   │   ├── InvalidUrl         invalid_url
    │   │   ├── SourceUnreachable  source_unreachable
    │   │   ├── SourceRefused      source_refused
    │   │   └── SourceTooSlow      source_too_slow
    │   ├── RequestError
    │   │   ├── InvalidRequest     invalid_request
    │   │   ├── Unauthorized       unauthorized
    │   │   ├── NotFound           not_found
    │   │   ├── UnusableAsset      unusable_asset
    │   │   ├── InsufficientCredits insufficient_credits
    │   │   ├── PlanTooSmall       plan_too_small
    │   │   └── KeyReused          idempotency_key_reused
    │   ├── InvalidMotion          invalid_motion
    │   ├── InvalidStyle           invalid_style
    │   ├── StyleNotLearnt         style_not_learnt
    │   ├── InvalidBackup          invalid_backup
    │   ├── InvalidOption          invalid_option
    │   └── OutputExists           output_exists
    ├── MissingDependency          missing_dependency
    ├── VoiceFailed                voice_failed
    ├── EncodingFailed             encoding_failed
    ├── StorageFailed              storage_failed
    ├── ProcessingError
    │   ├── RenderingDied          processing_failed
    │   └── RenderingTooSlow       processing_timeout
    ├── DataFolderInUse            data_folder_in_use
    └── Cancelled                  cancelled (exit code 130)

Each class carries a stable ``code``; its docstring is the default message. A message says what is
wrong, why, and what to do.
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class LipsmithError(Exception):
    """Something went wrong inside lipsmith."""

    code: ClassVar[str] = "failed"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or inspect.getdoc(type(self)) or self.code
        super().__init__(self.message)


class InputError(LipsmithError):
    """The input cannot be used as it is."""

    code = "invalid_input"


class ImageError(InputError):
    """The picture cannot be used."""

    code = "invalid_image"


class InvalidImage(ImageError):
    """The picture could not be read. Save it again as PNG or JPEG and try once more."""


class ImageTooLarge(ImageError):
    """The picture is larger than can be opened safely. Scale it down below 50 megapixels."""

    code = "image_too_large"


class ImageTooSmall(ImageError):
    """The picture is too small. Each side needs at least 64 pixels."""

    code = "image_too_small"


class AudioError(InputError):
    """The recording cannot be used."""

    code = "invalid_audio"


class InvalidAudio(AudioError):
    """The recording could not be read. Save it again as WAV, FLAC or MP3 and try once more."""


class SilentAudio(AudioError):
    """Nothing can be heard in the recording. Check that it is not muted and that the right track was saved."""

    code = "no_audible_sound"


class AudioTooLong(AudioError):
    """The speech is longer than it may be here. Give a shorter one, or a shorter text."""

    code = "sound_too_long"

    def __init__(self, message: str | None = None, *, length_s: float = 0.0) -> None:
        super().__init__(message)
        self.length_s = length_s
        """How long it is, seconds."""


class WindowOutOfRange(AudioError):
    """The asked start and end lie outside the recording."""

    code = "window_out_of_range"


class VideoError(InputError):
    """The video cannot be used."""

    code = "invalid_video"


class InvalidVideo(VideoError):
    """The video could not be read. Save it again as MP4 with H.264 and try once more."""


class VideoTooLarge(VideoError):
    """The video has more pixels, pictures or pictures per second than can be used. Scale it down or shorten it."""

    code = "video_too_large"


class VideoTooLong(VideoError):
    """The video becomes longer than it may be here. Cut it, or give a shorter one."""

    code = "video_too_long"

    def __init__(self, message: str | None = None, *, length_s: float = 0.0) -> None:
        super().__init__(message)
        self.length_s = length_s
        """How long it becomes, seconds."""


class VideoEncrypted(VideoError):
    """The video is encrypted. Save it without copy protection."""

    code = "video_encrypted"


class FaceError(InputError):
    """The face in the picture cannot be used."""

    code = "invalid_face"


class NoSourceFace(FaceError):
    """No human face was found in the picture. Use a picture in which one face is clearly visible from the front."""

    code = "no_source_face"


class FaceTooSmall(FaceError):
    """The face is too small to be animated. Crop the picture closer to the face or use a larger one."""

    code = "face_too_small"


class FaceTurnedAway(FaceError):
    """The head is turned too far to the side. Use a picture in which both eyes and both mouth corners are visible."""

    code = "face_turned_away"


class NoSuchFace(FaceError):
    """The chosen face does not exist in the picture."""

    code = "no_such_face"


class VoiceError(InputError):
    """The text cannot be spoken as asked."""

    code = "invalid_voice"


class UnknownVoice(VoiceError):
    """There is no voice of that name. `lipsmith voices` lists all of them."""

    code = "unknown_voice"


class EmptyText(VoiceError):
    """The text has nothing to say. Give at least one word."""

    code = "empty_text"


class InvalidMarkup(VoiceError):
    """The text begins with <speak> and is not markup that can be read. Mend it, or leave the tags out."""

    code = "invalid_markup"


class InvalidVoiceFile(VoiceError):
    """The file is no Piper voice, or not the one that was added."""

    code = "invalid_voice_file"


class TranscriptNotUsed(InputError):
    """The text could not be found in the recording."""

    code = "transcript_not_used"


class FileError(InputError):
    """The file cannot be stored or had."""

    code = "invalid_file"


class InvalidKey(FileError):
    """The name under which the file is stored has a form that no stored file has."""

    code = "invalid_key"


class NotStored(FileError):
    """There is no such file. It may never have been uploaded, or it was deleted since. Upload it again."""

    code = "not_stored"


class FileTooLarge(FileError):
    """The file is larger than is allowed here. Send a smaller one."""

    code = "file_too_large"


class FileInUse(FileError):
    """The file is used by a job and keeps its content. Upload a new file instead."""

    code = "file_in_use"


class LinkRefused(FileError):
    """The link is not valid or has expired. Ask for a new one."""

    code = "link_refused"


class SourceError(InputError):
    """The file could not be fetched from its URL."""

    code = "invalid_source"


class InvalidUrl(SourceError):
    """The URL cannot be used. Give one that begins with http:// or https:// and holds no user name or password."""

    code = "invalid_url"


class SourceUnreachable(SourceError):
    """The URL could not be reached. Check that everybody on the internet can open it, or upload the file instead."""

    code = "source_unreachable"


class SourceRefused(SourceError):
    """The URL answered with something else than a file. Check it in a browser, or upload the file instead."""

    code = "source_refused"


class SourceTooSlow(SourceError):
    """The file came too slowly from its URL. Try again later, or upload the file instead."""

    code = "source_too_slow"


class RequestError(InputError):
    """The server cannot do what was asked."""

    code = "request_refused"


class InvalidRequest(RequestError):
    """A field of the request is missing or has a value that cannot be used."""

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
    """A file named in the request is not there, or cannot serve what it is named for. Upload it again."""

    code = "unusable_asset"


class InsufficientCredits(RequestError):
    """The account has too few credits left for this."""

    code = "insufficient_credits"


class PlanTooSmall(RequestError):
    """The account's plan does not include this. Choose another mode, or a larger plan."""

    code = "plan_too_small"


class KeyReused(RequestError):
    """The Idempotency-Key was used for another request before. Send a new one with a new request."""

    code = "idempotency_key_reused"


class InvalidMotion(InputError):
    """The motion file cannot be used."""

    code = "invalid_motion"


class InvalidStyle(InputError):
    """The file of a personal style cannot be used."""

    code = "invalid_style"


class StyleNotLearnt(InputError):
    """No personal style could be learnt from the clips."""

    code = "style_not_learnt"


class InvalidBackup(InputError):
    """The file is no backup of a server, or it is damaged. Take another one."""

    code = "invalid_backup"


class InvalidOption(InputError):
    """An option has a value that cannot be used."""

    code = "invalid_option"


class OutputExists(InputError):
    """The output file exists already. Choose another name or allow overwriting (--overwrite)."""

    code = "output_exists"


class MissingDependency(LipsmithError):
    """A library that is needed for this is not installed. `lipsmith doctor` names it and its cure."""

    code = "missing_dependency"


class VoiceFailed(LipsmithError):
    """The speech synthesizer failed."""

    code = "voice_failed"


class EncodingFailed(LipsmithError):
    """The video could not be written."""

    code = "encoding_failed"


class StorageFailed(LipsmithError):
    """The file could not be stored or read. See to the disk or the storage service."""

    code = "storage_failed"


class ProcessingError(LipsmithError):
    """The video could not be made."""

    code = "processing_error"


class RenderingDied(ProcessingError):
    """The process that rendered this video broke off each time it was tried. Try another picture or recording."""

    code = "processing_failed"


class RenderingTooSlow(ProcessingError):
    """Rendering took longer than is allowed here. Ask for a shorter or smaller video."""

    code = "processing_timeout"


class DataFolderInUse(LipsmithError):
    """Another server uses this data folder. Stop it first, or choose another folder."""

    code = "data_folder_in_use"


class Cancelled(LipsmithError):
    """The work was cancelled before it was done; nothing was written."""

    code = "cancelled"
