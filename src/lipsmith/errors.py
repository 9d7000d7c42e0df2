"""Errors that the library raises on purpose.

Each class has a stable ``code``. Its docstring is the default message, which says what happened, why, and what to do.
Errors of the server are in `lipsmith.service.errors`, those of its file storage in `lipsmith.storage.errors`.
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class LipsmithError(Exception):
    """Internal error in lipsmith. Please report it with the log."""

    code: ClassVar[str] = "failed"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or inspect.getdoc(type(self)) or self.code
        super().__init__(self.message)


class InputError(LipsmithError):
    """The input cannot be used as it is."""

    code = "invalid_input"


class ImageError(InputError):
    """The image cannot be used."""

    code = "invalid_image"


class InvalidImage(ImageError):
    """The image cannot be read. Save it again as PNG or JPEG."""


class ImageTooLarge(ImageError):
    """The image is too large to open safely. Scale it down below 50 megapixels."""

    code = "image_too_large"


class ImageTooSmall(ImageError):
    """The image is too small. Each side needs at least 64 pixels."""

    code = "image_too_small"


class AudioError(InputError):
    """The audio cannot be used."""

    code = "invalid_audio"


class InvalidAudio(AudioError):
    """The audio cannot be read. Save it again as WAV, FLAC or MP3."""


class SilentAudio(AudioError):
    """The recording is silent. Check that it is not muted and that the right track was saved."""

    code = "no_audible_sound"


class AudioTooLong(AudioError):
    """The speech is longer than allowed. Use a shorter recording or text."""

    code = "sound_too_long"

    def __init__(self, message: str | None = None, *, length_s: float = 0.0) -> None:
        super().__init__(message)
        self.length_s = length_s
        """Length of the speech, seconds."""


class WindowOutOfRange(AudioError):
    """Start and end lie outside the recording. Choose times within it."""

    code = "window_out_of_range"


class VideoError(InputError):
    """The video cannot be used."""

    code = "invalid_video"


class InvalidVideo(VideoError):
    """The video cannot be read. Save it again as MP4 with H.264."""


class VideoTooLarge(VideoError):
    """The video has too many pixels or frames. Scale it down, lower its frame rate, or shorten it."""

    code = "video_too_large"


class VideoTooLong(VideoError):
    """The result is longer than allowed. Use a shorter clip or audio."""

    code = "video_too_long"

    def __init__(self, message: str | None = None, *, length_s: float = 0.0) -> None:
        super().__init__(message)
        self.length_s = length_s
        """Length of the result, seconds."""


class VideoEncrypted(VideoError):
    """The video is encrypted. Save it without copy protection."""

    code = "video_encrypted"


class FaceError(InputError):
    """The face cannot be used."""

    code = "invalid_face"


class NoSourceFace(FaceError):
    """No human face was found in the image. Use an image that shows one face clearly from the front."""

    code = "no_source_face"


class FaceTooSmall(FaceError):
    """The face is too small to animate. Crop the image closer to the face, or use a larger one."""

    code = "face_too_small"


class FaceTurnedAway(FaceError):
    """The head is turned too far to the side. Use an image that shows both eyes and both corners of the mouth."""

    code = "face_turned_away"


class NoSuchFace(FaceError):
    """The chosen face is not in the image."""

    code = "no_such_face"


class VoiceError(InputError):
    """The text cannot be spoken with these options."""

    code = "invalid_voice"


class UnknownVoice(VoiceError):
    """There is no voice with this name. `lipsmith voices` lists all of them."""

    code = "unknown_voice"


class EmptyText(VoiceError):
    """The text contains no words. Give at least one word."""

    code = "empty_text"


class InvalidMarkup(VoiceError):
    """The text starts with <speak> but is not valid SSML. Correct the markup, or leave the tags out."""

    code = "invalid_markup"


class InvalidVoiceFile(VoiceError):
    """The file is not a Piper voice, or it changed after it was added. Add the voice again."""

    code = "invalid_voice_file"


class TranscriptNotUsed(InputError):
    """The text does not match the recording."""

    code = "transcript_not_used"


class InvalidMotion(InputError):
    """The motion track cannot be used."""

    code = "invalid_motion"


class InvalidStyle(InputError):
    """The style file cannot be used."""

    code = "invalid_style"


class StyleNotLearnt(InputError):
    """No personal style could be learnt from the clips."""

    code = "style_not_learnt"


class InvalidOption(InputError):
    """An option has an invalid value."""

    code = "invalid_option"


class OutputExists(InputError):
    """The output file already exists. Choose another name, or allow overwriting (--overwrite)."""

    code = "output_exists"


class MissingDependency(LipsmithError):
    """A required library is not installed. `lipsmith doctor` names it and the command that installs it."""

    code = "missing_dependency"


class VoiceFailed(LipsmithError):
    """The speech synthesizer failed."""

    code = "voice_failed"


class EncodingFailed(LipsmithError):
    """The video could not be written."""

    code = "encoding_failed"


class Cancelled(LipsmithError):
    """The work was cancelled before it was done. Nothing was written."""

    code = "cancelled"
