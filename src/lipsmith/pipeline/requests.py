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
from lipsmith.motion.head_motion import Emotion, HeadMotion
from lipsmith.pipeline.options import Option, Record
from lipsmith.pipeline.progress import Progress, StrPath

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.motion.track import MotionTrack
    from lipsmith.speech.personal import PersonalStyle

FaceSelector: TypeAlias = str | int | tuple[float, float] | tuple[float, float, float]
"""``auto``, ``speaker``, a number from the left, or a place: (x, y) or (x, y, seconds), also as a text."""
TalkMode: TypeAlias = Literal["realistic", "prompted"]
SyncMode: TypeAlias = Literal["lite", "standard", "pro"]
Gender: TypeAlias = Literal["female", "male", "neutral"]
Rules: TypeAlias = Iterator[tuple[bool, str]]


@dataclass(frozen=True, kw_only=True)
class Hooks(Record):
    """Functions that are called during the work."""

    progress: Annotated[
        Callable[[Progress], None] | None, Option("Called at the start and end of each stage and after every frame.")
    ] = field(default=None, compare=False, repr=False)
    cancelled: Annotated[
        Callable[[], bool] | None, Option("Asked at the same moments; once it returns True, Cancelled is raised.")
    ] = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Record):
    """Engines for the roles of the pipeline."""

    engines: Annotated[
        Mapping[str, str],
        Option(
            "Engine for each role, such as photo_animator=classic.",
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
            "Voice that speaks the text; `lipsmith voices` lists them.",
            metavar="NAME",
            default="by the text's language",
        ),
    ] = None
    language: Annotated[
        str | None,
        Option("Language of the text, a BCP 47 tag such as de or pt-BR.", metavar="TAG", default="found in the text"),
    ] = None
    rate: Annotated[float, Option("Speaking rate, 0.5-2.0; 1.0 is the voice's normal speed.", limits=limits.RATE)] = 1.0


@dataclass(frozen=True, kw_only=True)
class SpeechInput(VoiceOptions):
    """Speech as a recording, a text, or both."""

    audio: Annotated[StrPath | None, Option("Recording of speech, or a video with audio.", metavar="AUDIO")] = field(
        default=None, kw_only=False
    )
    text: Annotated[
        str | None,
        Option("Text to speak. Beside AUDIO: the words of the recording, in English, for better lips.", metavar="TEXT"),
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

    out: Annotated[StrPath, Option("Video to write.", metavar="OUT.mp4", short="-o")] = field(
        default="out.mp4", kw_only=False
    )
    export: Annotated[
        StrPath | None,
        Option(
            "Also write the motion. The extension chooses the format: .json (editable), .arkit.csv, "
            ".arkit.json, .cues.tsv, .cues.json, and with --text .srt or .vtt.",
            metavar="FILE",
        ),
    ] = None
    max_resolution: Annotated[
        int | None,
        Option(
            "Longest side of the video, pixels. Never enlarges.",
            limits=limits.SIDE_PX,
            default=f"{limits.DEFAULT_SIDE_PX} for photos, a clip's own size",
        ),
    ] = None
    max_duration_s: Annotated[
        float | None,
        Option("Longest result, seconds. A longer one is refused.", former=("longest_s",), command_line=False),
    ] = None
    watermark: Annotated[
        str | None,
        Option("Word in the lower right corner of every frame.", metavar="WORD", former=("mark",), command_line=False),
    ] = None
    overwrite: Annotated[bool, Option("Replace files that exist.")] = False


@dataclass(frozen=True, kw_only=True)
class MotionOptions(Record):
    """Options of talking photos and lip syncs that shape the motion."""

    intensity: Annotated[
        float, Option("Strength of mouth and brow movements, 0.1-2.0; 1.0 is natural.", limits=limits.INTENSITY)
    ] = 1.0
    speaking_style: Annotated[
        StrPath | PersonalStyle | None,
        Option("Style file of one person, made by `lipsmith style learn`.", metavar="FILE.style", former=("style",)),
    ] = None
    motion_track: Annotated[
        StrPath | MotionTrack | None,
        Option(
            "Motion track to draw, made by --export and edited or not, instead of one made from the speech.",
            metavar="FILE.json",
            former=("from_motion",),
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PhotoInput(Record):
    """Photo to animate."""

    photo: Annotated[StrPath, Option("Photo with a face.", metavar="PHOTO")] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class TalkRequest(MotionOptions, OutputOptions, SpeechInput, PhotoInput):
    """Request for a talking photo."""

    start_s: Annotated[float | None, Option("Start in AUDIO, seconds.")] = None
    end_s: Annotated[float | None, Option("End in AUDIO, seconds.")] = None
    fps: Annotated[
        float | Fraction | str | None, Option("Frames per second, 1-60, such as 29.97 or 30000/1001.", default="25")
    ] = None
    face: Annotated[
        FaceSelector | None,
        Option(
            "Face to animate: the N-th from the left, or the one at X,Y in the upright photo, pixels.",
            metavar="N|X,Y",
            default="the most prominent",
        ),
    ] = None
    landmarks: Annotated[
        StrPath | None,
        Option(
            "Landmarks of a face that is not found by itself, such as an animal's (experimental): a JSON file with "
            "left_eye, right_eye, mouth_left and mouth_right as [x, y] in the upright photo, pixels.",
            metavar="FILE.json",
        ),
    ] = None
    still: Annotated[bool, Option("Keep the head still.")] = False
    head_motion: Annotated[HeadMotion, Option("Amount of head motion.", former=("motion",))] = "natural"
    emotion: Annotated[Emotion, Option("Emotion that the face shows.")] = "neutral"
    emotion_strength: Annotated[
        float, Option("Strength of the emotion, 0.2-2.0; 1.0 is clear.", limits=limits.EMOTION_STRENGTH)
    ] = 1.0
    seed: Annotated[
        int | None,
        Option(
            "Random seed for blinks, expression and head motion.",
            limits=limits.Range(0, math.inf),
            default="taken from the photo and the speech",
        ),
    ] = None
    mode: Annotated[TalkMode, Option("realistic moves as the speech suggests, prompted does what --prompt asks.")] = (
        "realistic"
    )
    prompt: Annotated[
        str | None,
        Option(
            'Direction for the face in plain English, such as "Nod gently and smile." Needs --mode prompted.',
            metavar="TEXT",
        ),
    ] = None
    crf: Annotated[int, Option("Video quality (x264 CRF): 1 best, 51 worst.", limits=limits.CRF)] = limits.PHOTO_CRF
    background: Annotated[str, Option("Colour behind a transparent photo: a name or #rrggbb.", metavar="COLOUR")] = (
        "white"
    )

    def rules(self) -> Rules:
        """Rules between these options."""
        yield from super().rules()
        yield (
            self.audio is not None or (self.start_s is None and self.end_s is None),
            "Start and end select a part of a recording, and here a text is spoken. Leave them out.",
        )
        yield (
            self.landmarks is None or self.face is None,
            "Landmarks say where the face is, and here a face is chosen as well. Leave one of them out.",
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
        yield (
            self.emotion == "neutral" or self.motion_track is None,
            "An emotion shapes motion that is made from speech, and here a motion track is given. Leave one of them "
            "out.",
        )


@dataclass(frozen=True, kw_only=True)
class Speaker(SpeechInput):
    """One face of a clip, and what it says."""

    face: Annotated[
        FaceSelector, Option("Face of the speaker: auto, speaker, N, or X,Y@S.", metavar="auto|speaker|N|X,Y@S")
    ] = "auto"
    start_s: Annotated[float | None, Option("Start in the recording, seconds.")] = None
    end_s: Annotated[float | None, Option("End in the recording, seconds.")] = None
    at_s: Annotated[float, Option("Start of the speech in the video, seconds.", limits=limits.Range(0, math.inf))] = 0.0
    speaking_style: Annotated[
        StrPath | PersonalStyle | None, Option("Style file of this person.", metavar="FILE.style", former=("style",))
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

    video: Annotated[StrPath, Option("Clip with a face.", metavar="VIDEO")] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class SyncRequest(MotionOptions, OutputOptions, SpeechInput, ClipInput):
    """Request for a lip sync."""

    audio_start_s: Annotated[float | None, Option("Start in AUDIO, seconds.")] = None
    audio_end_s: Annotated[float | None, Option("End in AUDIO, seconds.")] = None
    speakers: Annotated[
        StrPath | Sequence[Speaker] | None,
        Option(
            "Several faces, each with its own words, instead of AUDIO: a JSON file.", metavar="FILE.json", flag="map"
        ),
    ] = None
    face: Annotated[
        FaceSelector,
        Option(
            "Face to change: auto (the one that speaks in the clip, else the most prominent), speaker (only the"
            " one that speaks), the N-th from the left, or the one at X,Y at S seconds.",
            metavar="auto|speaker|N|X,Y@S",
        ),
    ] = "auto"
    mode: Annotated[
        SyncMode,
        Option(
            "Care taken with the person's own mouth, which is learnt from the clip: lite uses few frames, standard "
            "more, pro samples finer and takes about twice as long per frame."
        ),
    ] = "standard"
    start_s: Annotated[float | None, Option("Start in VIDEO, seconds.")] = None
    end_s: Annotated[float | None, Option("End in VIDEO, seconds.")] = None
    duration_mode: Annotated[
        DurationMode,
        Option(
            "Duration of the result where clip and audio differ. silence: the clip's; cut: the shorter one's; "
            "loop, bounce, hold: the audio's, and the clip starts again, runs back and forth, or holds its last"
            " frame.",
            former=("length_mode",),
        ),
    ] = "silence"
    max_fps: Annotated[
        float | Fraction | str | None,
        Option("Highest frame rate, 1-60; frames beyond it are left out.", default="the clip's own"),
    ] = None
    keep_background_db: Annotated[
        float | None, Option("Keep the clip's own audio beneath the new one, -60 to 0 dB.", limits=limits.BACKGROUND_DB)
    ] = None
    adapt: Annotated[bool, Option("Learn from the clip's own speech how this person moves the lips.")] = True
    crf: Annotated[int, Option("Video quality (x264 CRF): 1 best, 51 worst.", limits=limits.CRF)] = limits.CLIP_CRF

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

    voice: Annotated[str | None, Option("Voice, where it speaks the text's language.", metavar="NAME")] = None
    gender: Annotated[Gender | None, Option("Gender of any other voice that speaks it.")] = None


@dataclass(frozen=True, kw_only=True)
class SpokenText(Record):
    """Text to speak."""

    text: Annotated[str, Option("Text to speak, plain or SSML.", metavar="TEXT")] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class SpeakRequest(Hooks, VoiceOptions, SpokenText):
    """Request for a spoken text, without a face."""

    out: Annotated[
        StrPath, Option("Audio file to write: .wav, .mp3, .m4a or .flac.", metavar="OUT.wav", short="-o")
    ] = field(default="out.wav", kw_only=False)
    stand_in: Annotated[
        StandIn | None, Option("Voice to use where the named one is not installed.", command_line=False)
    ] = None
    overwrite: Annotated[bool, Option("Replace files that exist.")] = False


@dataclass(frozen=True, kw_only=True)
class DetectRequest(Hooks, EngineOptions):
    """Request for the faces in a photo or in the first frame of a clip."""

    source: Annotated[StrPath, Option("Photo or clip.", metavar="PHOTO|CLIP")] = field(kw_only=False)
    out: Annotated[StrPath | None, Option("Folder for one PNG of each face.", metavar="FOLDER", short="-o")] = field(
        default=None, kw_only=False
    )
    min_score: Annotated[
        float, Option("Lowest score of a face, 0-1.", limits=limits.CONFIDENCE, former=("least_score",))
    ] = 0.5
    moving: Annotated[
        bool | None, Option("Whether the source is a clip.", command_line=False, default="found in the file")
    ] = None


@dataclass(frozen=True, kw_only=True)
class StyleRequest(Hooks, EngineOptions):
    """Request for a personal style, learnt from clips of one person."""

    clips: Annotated[
        StrPath | Sequence[StrPath],
        Option("Clips of one person, 15 s or more together, with audio.", metavar="CLIP..."),
    ] = field(kw_only=False)
    out: Annotated[StrPath, Option("Style file to write.", metavar="FILE.style", short="-o")] = field(
        default="me.style", kw_only=False
    )
    face: Annotated[
        FaceSelector,
        Option(
            "Face of the person: auto, speaker, the N-th from the left, or the one at X,Y at S seconds.",
            metavar="auto|speaker|N|X,Y@S",
        ),
    ] = "auto"
    overwrite: Annotated[bool, Option("Replace files that exist.")] = False
