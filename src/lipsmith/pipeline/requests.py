"""Requests: everything that can be asked of lipsmith, one record for each job.

A field is an option. The command line, its help, the reference, the checks, the stored job and the Python functions are
derived from the fields, so a new option is added here and in the step that uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from lipsmith import limits
from lipsmith.media.durations import DurationMode
from lipsmith.pipeline.options import Option, Record
from lipsmith.pipeline.progress import Progress, StrPath

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.motion.track import MotionTrack
    from lipsmith.speech.personal import PersonalStyle

FaceSelector: TypeAlias = str | int | tuple[float, float] | tuple[float, float, float]
"""``auto``, ``speaker``, a number from the left, or a place: (x, y) or (x, y, seconds), also as a text."""
HeadMotion: TypeAlias = Literal["calm", "natural", "lively"]
TalkMode: TypeAlias = Literal["realistic", "prompted"]
SyncMode: TypeAlias = Literal["lite", "standard", "pro"]
Gender: TypeAlias = Literal["female", "male", "neutral"]
Rules: TypeAlias = Iterator[tuple[bool, str]]


@dataclass(frozen=True, kw_only=True)
class Hooks(Record):
    """Functions that are called during the work."""

    progress: Annotated[
        Callable[[Progress], None] | None,
        Option(
            help="Called at the start and end of each stage and after every frame.", command_line=False, stored=False
        ),
    ] = field(default=None, compare=False, repr=False)
    cancelled: Annotated[
        Callable[[], bool] | None,
        Option(
            help="Asked at the same moments; once it returns True, Cancelled is raised.",
            command_line=False,
            stored=False,
        ),
    ] = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Record):
    """Engines for the roles of the pipeline."""

    engines: Annotated[
        Mapping[str, str],
        Option(
            help="Engine for each role, such as photo_animator=classic.",
            metavar="ROLE=NAME",
            flag="engine",
            former_keys=(("animator", "photo_animator"), ("syncer", "lip_syncer")),
            default="the first of each role",
        ),
    ] = field(default_factory=dict)

    def check_engines(self) -> None:
        """Check that each role has the engine that is named for it. Raises InvalidOption."""
        from lipsmith.engines import registry

        registry.check_choices(self.engines)


@dataclass(frozen=True, kw_only=True)
class VoiceOptions(Record):
    """Voice that speaks a text."""

    voice: Annotated[
        str | None,
        Option(
            help="Voice that speaks the text; `lipsmith voices` lists them.",
            metavar="NAME",
            default="by the text's language",
        ),
    ] = None
    language: Annotated[
        str | None,
        Option(
            help="Language of the text, a BCP 47 tag such as de or pt-BR.", metavar="TAG", default="found in the text"
        ),
    ] = None
    rate: Annotated[
        float,
        Option(help="Speaking rate, 0.5-2.0; 1.0 is the voice's normal speed.", limits=limits.RATE, metavar="R"),
    ] = 1.0


@dataclass(frozen=True, kw_only=True)
class SpeechInput(VoiceOptions):
    """Speech as a recording, a text, or both."""

    audio: Annotated[
        StrPath | None,
        Option(help="Recording of speech, or a video with audio.", metavar="AUDIO", stored=False),
    ] = field(default=None, kw_only=False)
    text: Annotated[
        str | None,
        Option(
            help="Text to speak. Beside AUDIO: the words of the recording, in English, for better lips.",
            metavar="TEXT",
        ),
    ] = None

    def rules(self) -> Rules:
        """Rules between recording, text and voice."""
        yield from super().rules()
        recorded = self.audio is not None
        yield self.text is not None or recorded, "There is nothing to say. Give a recording of speech, or a text."
        yield (
            not (recorded and self.voice is not None),
            "A voice speaks a text, and here a recording is given. Leave one of them out.",
        )
        yield (
            not (recorded and self.language is not None),
            "The language chooses a voice for a text, and here a recording is given. Leave one of them out.",
        )
        yield (
            not (recorded and self.rate != 1.0),
            "The rate applies to a text, and a recording keeps its own speed. Leave the rate out.",
        )


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Hooks, EngineOptions):
    """Result files, and how they are encoded."""

    out: Annotated[StrPath, Option(help="Video to write.", metavar="OUT.mp4", short="-o", stored=False)] = field(
        default="out.mp4", kw_only=False
    )
    export: Annotated[
        StrPath | None,
        Option(
            help="Also write the motion. The extension chooses the format: .json (editable), .arkit.csv, .arkit.json, "
            ".cues.tsv, .cues.json, and with --text .srt or .vtt.",
            metavar="FILE",
            stored=False,
        ),
    ] = None
    max_resolution: Annotated[
        int | None,
        Option(
            help="Longest side of the video, pixels. Never enlarges.",
            limits=limits.SIDE_PX,
            metavar="N",
            default=f"{limits.DEFAULT_SIDE_PX} for photos, a clip's own size",
        ),
    ] = None
    max_duration_s: Annotated[
        float | None,
        Option(
            help="Longest result, seconds. A longer one is refused.",
            metavar="S",
            former=("longest_s",),
            command_line=False,
        ),
    ] = None
    watermark: Annotated[
        str | None,
        Option(
            help="Word in the lower right corner of every frame.",
            metavar="WORD",
            former=("mark",),
            command_line=False,
        ),
    ] = None
    overwrite: Annotated[bool, Option(help="Replace files that exist.", stored=False)] = False


@dataclass(frozen=True, kw_only=True)
class MotionOptions(Record):
    """Options of talking photos and lip syncs that shape the motion."""

    intensity: Annotated[
        float,
        Option(
            help="Strength of mouth and brow movements, 0.1-2.0; 1.0 is natural.",
            limits=limits.INTENSITY,
            metavar="X",
        ),
    ] = 1.0
    speaking_style: Annotated[
        StrPath | PersonalStyle | None,
        Option(
            help="Style file of one person, made by `lipsmith style learn`.",
            metavar="FILE.style",
            former=("style",),
            stored=False,
        ),
    ] = None
    motion_track: Annotated[
        StrPath | MotionTrack | None,
        Option(
            help="Motion track to draw, made by --export and edited or not, instead of one made from the speech.",
            metavar="FILE.json",
            former=("from_motion",),
            stored=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PhotoInput(Record):
    """Photo to animate."""

    photo: Annotated[StrPath, Option(help="Photo with a face.", metavar="PHOTO", stored=False)] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class TalkRequest(MotionOptions, OutputOptions, SpeechInput, PhotoInput):
    """Request for a talking photo."""

    start_s: Annotated[
        float | None, Option(help="Start in AUDIO, seconds.", metavar="S", flag="start", stored=False)
    ] = None
    end_s: Annotated[float | None, Option(help="End in AUDIO, seconds.", metavar="S", flag="end", stored=False)] = None
    fps: Annotated[
        float | Fraction | str | None,
        Option(help="Frames per second, 1-60, such as 29.97 or 30000/1001.", metavar="N", default="25"),
    ] = None
    face: Annotated[
        FaceSelector | None,
        Option(
            help="Face to animate: the N-th from the left, or the one at X,Y in the upright photo, pixels.",
            metavar="N|X,Y",
            default="the most prominent",
        ),
    ] = None
    still: Annotated[bool, Option(help="Keep the head still.")] = False
    head_motion: Annotated[HeadMotion, Option(help="Amount of head motion.", former=("motion",))] = "natural"
    seed: Annotated[
        int,
        Option(help="Random seed for blinks and head motion.", limits=limits.Range(0, math.inf), metavar="N"),
    ] = 0
    mode: Annotated[
        TalkMode, Option(help="realistic moves as the speech suggests, prompted does what --prompt asks.")
    ] = "realistic"
    prompt: Annotated[
        str | None,
        Option(
            help='Direction for the face in plain English, such as "Nod gently and smile." Needs --mode prompted.',
            metavar="TEXT",
        ),
    ] = None
    crf: Annotated[int, Option(help="Video quality (x264 CRF): 1 best, 51 worst.", limits=limits.CRF, metavar="N")] = (
        limits.PHOTO_CRF
    )
    background: Annotated[
        str, Option(help="Colour behind a transparent photo: a name or #rrggbb.", metavar="COLOUR")
    ] = "white"

    def rules(self) -> Rules:
        """Rules between these options."""
        yield from super().rules()
        yield (
            self.audio is not None or (self.start_s is None and self.end_s is None),
            "Start and end select a part of a recording, and here a text is spoken. Leave them out.",
        )
        prompted = self.mode == "prompted"
        yield (
            not prompted or bool(self.prompt and self.prompt.strip()),
            "The mode prompted needs a prompt that says what the face does (--prompt).",
        )
        yield (
            not prompted or self.motion_track is None,
            "A prompt shapes motion that is made from speech, and here a motion track is given. Leave one of them out.",
        )


@dataclass(frozen=True, kw_only=True)
class Speaker(SpeechInput):
    """One face of a clip, and what it says."""

    face: Annotated[
        FaceSelector,
        Option(
            help="Face of the speaker: auto, speaker, N, or X,Y@S.",
            metavar="auto|speaker|N|X,Y@S",
        ),
    ] = "auto"
    start_s: Annotated[float | None, Option(help="Start in the recording, seconds.", metavar="S")] = None
    end_s: Annotated[float | None, Option(help="End in the recording, seconds.", metavar="S")] = None
    at_s: Annotated[
        float,
        Option(help="Start of the speech in the video, seconds.", limits=limits.Range(0, math.inf), metavar="S"),
    ] = 0.0
    speaking_style: Annotated[
        StrPath | PersonalStyle | None,
        Option(help="Style file of this person.", metavar="FILE.style", former=("style",), stored=False),
    ] = None

    def rules(self) -> Rules:
        """Rules between these options."""
        yield from super().rules()
        yield (
            self.audio is not None or (self.start_s is None and self.end_s is None),
            "Start and end select a part of a recording, and here a text is spoken. Leave them out.",
        )
        yield math.isfinite(self.at_s), "at_s has to be a finite number of seconds."


@dataclass(frozen=True, kw_only=True)
class ClipInput(Record):
    """Clip to change."""

    video: Annotated[StrPath, Option(help="Clip with a face.", metavar="VIDEO", stored=False)] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class SyncRequest(MotionOptions, OutputOptions, SpeechInput, ClipInput):
    """Request for a lip sync."""

    audio_start_s: Annotated[
        float | None, Option(help="Start in AUDIO, seconds.", metavar="S", flag="audio_start", stored=False)
    ] = None
    audio_end_s: Annotated[
        float | None, Option(help="End in AUDIO, seconds.", metavar="S", flag="audio_end", stored=False)
    ] = None
    speakers: Annotated[
        StrPath | Sequence[Speaker] | None,
        Option(
            help="Several faces, each with its own words, instead of AUDIO: a JSON file.",
            metavar="FILE.json",
            flag="map",
            stored=False,
        ),
    ] = None
    face: Annotated[
        FaceSelector,
        Option(
            help="Face to change: auto (the one that speaks in the clip, else the most prominent), speaker (only the "
            "one that speaks), the N-th from the left, or the one at X,Y at S seconds.",
            metavar="auto|speaker|N|X,Y@S",
        ),
    ] = "auto"
    mode: Annotated[
        SyncMode,
        Option(
            help="Inside of the mouth: lite draws it, standard takes it from other frames of the clip where they fit, "
            "pro searches more frames.",
        ),
    ] = "standard"
    start_s: Annotated[
        float | None, Option(help="Start in VIDEO, seconds.", metavar="S", flag="start", stored=False)
    ] = None
    end_s: Annotated[float | None, Option(help="End in VIDEO, seconds.", metavar="S", flag="end", stored=False)] = None
    duration_mode: Annotated[
        DurationMode,
        Option(
            help="Duration of the result where clip and audio differ. silence: the clip's; cut: the shorter one's; "
            "loop, bounce, hold: the audio's, and the clip starts again, runs back and forth, or holds its last frame.",
            former=("length_mode",),
        ),
    ] = "silence"
    max_fps: Annotated[
        float | Fraction | str | None,
        Option(help="Highest frame rate, 1-60; frames beyond it are left out.", metavar="N", default="the clip's own"),
    ] = None
    keep_background_db: Annotated[
        float | None,
        Option(
            help="Keep the clip's own audio beneath the new one, -60 to 0 dB.",
            limits=limits.BACKGROUND_DB,
            metavar="DB",
            flag="keep_background",
        ),
    ] = None
    adapt: Annotated[bool, Option(help="Learn from the clip's own speech how this person moves the lips.")] = True
    crf: Annotated[int, Option(help="Video quality (x264 CRF): 1 best, 51 worst.", limits=limits.CRF, metavar="N")] = (
        limits.CLIP_CRF
    )

    def rules(self) -> Rules:
        """Rules between these options. With ``speakers``, each of them has the rules of its speech."""
        if self.speakers is None:
            yield from super().rules()
            return
        yield (
            self._speech_options() == {"face": "auto", "rate": 1.0},
            "Each speaker has its own audio, text, voice, language, rate, style, face and window. Leave those options "
            "out beside --map.",
        )

    def single_speaker(self) -> Speaker:
        """Speaker that the options describe."""
        return Speaker(**self._speech_options())  # type: ignore[arg-type]

    def _speech_options(self) -> dict[str, object]:
        given = {
            "face": self.face,
            "audio": self.audio,
            "text": self.text,
            "voice": self.voice,
            "language": self.language,
            "rate": self.rate,
            "start_s": self.audio_start_s,
            "end_s": self.audio_end_s,
            "speaking_style": self.speaking_style,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class StandIn(Record):
    """Voice that speaks in place of one that is not installed."""

    voice: Annotated[str | None, Option(help="Voice, where it speaks the text's language.", metavar="NAME")] = None
    gender: Annotated[Gender | None, Option(help="Gender of any other voice that speaks it.")] = None


@dataclass(frozen=True, kw_only=True)
class SpokenText(Record):
    """Text to speak."""

    text: Annotated[str, Option(help="Text to speak, plain or SSML.", metavar="TEXT")] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class SpeakRequest(Hooks, VoiceOptions, SpokenText):
    """Request for a spoken text, without a face."""

    out: Annotated[
        StrPath,
        Option(help="Audio file to write: .wav, .mp3, .m4a or .flac.", metavar="OUT.wav", short="-o", stored=False),
    ] = field(default="out.wav", kw_only=False)
    stand_in: Annotated[
        StandIn | None, Option(help="Voice to use where the named one is not installed.", command_line=False)
    ] = None
    overwrite: Annotated[bool, Option(help="Replace files that exist.", stored=False)] = False


@dataclass(frozen=True, kw_only=True)
class DetectRequest(Hooks, EngineOptions):
    """Request for the faces in a photo or in the first frame of a clip."""

    source: Annotated[StrPath, Option(help="Photo or clip.", metavar="PHOTO|CLIP", stored=False)] = field(kw_only=False)
    out: Annotated[
        StrPath | None,
        Option(help="Folder for one PNG of each face.", metavar="FOLDER", short="-o", stored=False),
    ] = field(default=None, kw_only=False)
    min_score: Annotated[
        float,
        Option(help="Lowest score of a face, 0-1.", limits=limits.CONFIDENCE, metavar="X", former=("least_score",)),
    ] = 0.5
    moving: Annotated[
        bool | None, Option(help="Whether the source is a clip.", command_line=False, default="found in the file")
    ] = None


@dataclass(frozen=True, kw_only=True)
class StyleRequest(Hooks, EngineOptions):
    """Request for a personal style, learnt from clips of one person."""

    clips: Annotated[
        StrPath | Sequence[StrPath],
        Option(help="Clips of one person, 15 s or more together, with audio.", metavar="CLIP...", stored=False),
    ] = field(kw_only=False)
    out: Annotated[StrPath, Option(help="Style file to write.", metavar="FILE.style", short="-o", stored=False)] = (
        field(default="me.style", kw_only=False)
    )
    face: Annotated[
        FaceSelector,
        Option(
            help="Face of the person: auto, speaker, the N-th from the left, or the one at X,Y at S seconds.",
            metavar="auto|speaker|N|X,Y@S",
        ),
    ] = "auto"
    overwrite: Annotated[bool, Option(help="Replace files that exist.", stored=False)] = False
