"""Text to speech with installed Piper voices: VITS networks in ONNX files, run by onnxruntime.

espeak-ng converts words to phonemes in its own process; Piper's program, which is under the GPL, is not used. The
network itself provides the phoneme durations, which it predicts before the audio. Without them, the phonemes are
aligned to the audio.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsmith.errors import EmptyText, InvalidVoiceFile, MissingDependency, UnknownVoice
from lipsmith.media.clip import F32
from lipsmith.media.decode import MemoryAudio
from lipsmith.media.probe import AUDIO_RATES_HZ
from lipsmith.speech.script import speakable
from lipsmith.speech.visemes import visemes_of
from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo
from lipsmith.synthesis.espeak import EspeakVoice
from lipsmith.synthesis.onnx_outputs import values_made_by, with_output
from lipsmith.synthesis.phone_alignment import align_phones
from lipsmith.synthesis.synthesized_speech import LEAD_S, TAIL_S, check_rate, phones_of
from lipsmith.synthesis.voice_store import VoiceRecord, VoiceStore, as_config, read_limited, voices_folder

_BEGIN, _END, _BETWEEN = "^", "$", "_"
"""Special symbols in a voice's phoneme table; the last one separates phonemes."""
_SENTENCE_MARKS, _CLAUSE_MARKS = ".!?", ",;:"
_PUNCTUATION_OF: Mapping[str, str] = {
    "。": ".", "．": ".", "।": ".", "۔": ".", "…": ".", "！": "!", "？": "?", "؟": "?", "，": ",", "、": ",",
    "،": ",", "；": ";", "؛": ";", "：": ":", "—": ",", "–": ",",
}  # fmt: skip
"""Punctuation of other scripts -> marks in phoneme tables."""
_LANGUAGE_TAG = re.compile(r"\([^)]*\)")
_PAUSE_S = 0.15
"""Longer gaps between words are audible pauses."""
_PEAK = 0.9
"""Peak of each sentence, full scale 1; voices and sentences differ by up to 20 dB."""
_FADE_S = 0.005
_SEED = 20260417
"""Seed of the random variation in voices, for reproducible results."""

_session_lock = Lock()
"""Lock for the seed, which belongs to the whole process."""


@dataclass(frozen=True, kw_only=True)
class _Config:
    """Settings of a voice."""

    rate_hz: int
    language: str
    espeak_voice: str | None
    """espeak-ng voice that converts words to phonemes; None if letters are the phonemes."""
    ids: Mapping[str, Sequence[int]]
    speakers: Mapping[str, int]
    default_speaker: int | None
    """None for a network with a single speaker."""
    noise: float
    length: float
    noise_of_lengths: float


class PiperVoice:
    """`Voice` engine for installed Piper voices. Needs the extra ``lipsmith[voice]``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._store = VoiceStore(voices_folder() if folder is None else folder)
        self._espeak = EspeakVoice()

    def voices(self) -> Sequence[VoiceInfo]:
        """Return every installed voice; one with several speakers also as ``NAME+SPEAKER``."""
        return [info for record in self._store.records() for info in self._infos(record)]

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        """Synthesize ``text`` sentence by sentence, all equally loud, at the voice's sampling rate.

        Raises EmptyText, InvalidOption, UnknownVoice, InvalidVoiceFile, MissingDependency or VoiceFailed.
        """
        check_rate(rate)
        name, _, speaker = voice.partition("+")
        record = self._store.record(name)
        config = _read_config(self._store.config(record), record.name)
        number = _speaker_number(config, voice, speaker)
        sentences = list(self._sentences(text, config))
        if not any(_is_spoken(symbol) for sentence in sentences for symbol in sentence):
            raise EmptyText(f"The voice {voice!r} cannot speak any of this text. Enter at least one word.")
        network = _Network(self._store.model(record), record.name)
        lead = round(LEAD_S * config.rate_hz)
        parts: list[F32] = [np.zeros(lead, np.float32)]
        marks: list[tuple[int, str]] | None = []
        at = lead
        for sentence in sentences:
            samples, starts = network.synthesize(sentence, config, number, rate)
            parts.append(_normalized(samples, config.rate_hz))
            marks = None if marks is None or starts is None else [*marks, *_marks(sentence, starts, at, config.rate_hz)]
            at += len(samples)
        parts.append(np.zeros(round(TAIL_S * config.rate_hz), np.float32))
        audio = MemoryAudio(np.concatenate(parts)[np.newaxis], config.rate_hz)
        if marks is None:
            return SynthesizedSpeech(audio=audio, phones=align_phones(_symbols(sentences), audio))
        return SynthesizedSpeech(audio=audio, phones=phones_of(marks, config.rate_hz, at))

    def check(self, model: Path, config: Path) -> None:
        """Check that these files are a usable voice. Raises InvalidVoiceFile and the errors of `speak`."""
        name = model.name
        settings = _read_config(as_config(read_limited(config), config.name), name)
        if settings.espeak_voice is not None:
            self._espeak.find(settings.espeak_voice)
        network = _Network(read_limited(model), name)
        letters = [symbol for symbol in settings.ids if _is_spoken(symbol)][:3]
        network.synthesize(letters, settings, settings.default_speaker, 1.0)

    def _infos(self, record: VoiceRecord) -> Iterator[VoiceInfo]:
        try:
            config = _read_config(self._store.config(record), record.name)
        except InvalidVoiceFile:  # speaking with it raises the error; other voices stay usable
            return
        licence = record.licence or "not noted"
        for speaker in ("", *config.speakers):
            yield VoiceInfo(
                name=f"{record.name}+{speaker}" if speaker else record.name,
                language=config.language,
                gender=record.gender,
                description=f"Piper, {config.rate_hz} Hz, licence: {licence}",
            )

    def _sentences(self, text: str, config: _Config) -> Iterator[list[str]]:
        """Yield the sentences of a text as symbols of the voice's phoneme table."""
        words = speakable(text)
        if config.espeak_voice is None:
            yield list(unicodedata.normalize("NFD", words))
            return
        sentence: list[str] = []
        for ipa, mark in self._espeak.phonemes(words, voice=config.espeak_voice):
            sentence += unicodedata.normalize("NFD", _LANGUAGE_TAG.sub("", ipa))
            mark = _PUNCTUATION_OF.get(mark, mark)
            if mark in _CLAUSE_MARKS and mark:
                sentence += [mark, " "]
                continue
            sentence.append(mark if mark in _SENTENCE_MARKS and mark else ".")
            if any(_is_spoken(symbol) for symbol in sentence):
                yield sentence
            sentence = []
        if any(_is_spoken(symbol) for symbol in sentence):
            yield sentence


class _Network:
    """Network of a voice, loaded once per text."""

    def __init__(self, model: bytes, name: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependency(
                f"Piper voices need onnxruntime, which is not installed ({error}). "
                "Install it with: pip install 'lipsmith[voice]'"
            ) from error
        self._name = name
        try:
            lengths = values_made_by(model, "Ceil")
        except ValueError as error:
            raise InvalidVoiceFile(f"{name} is not an ONNX model ({error}). Choose a Piper voice.") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised instead
        # The only Ceil operator of a VITS network rounds up the durations of its phonemes.
        self._lengths = lengths[0] if len(lengths) == 1 else None
        with _session_lock, _network_errors(name):
            onnxruntime.set_seed(_SEED)
            self._session = onnxruntime.InferenceSession(
                model if self._lengths is None else with_output(model, self._lengths),
                options,
                providers=["CPUExecutionProvider"],
            )
        self._inputs = {one.name for one in self._session.get_inputs()}
        if missing := {"input", "input_lengths", "scales"} - self._inputs:
            raise InvalidVoiceFile(
                f"{name} is not a Piper voice: its network has no input {', '.join(sorted(missing))}. Choose another."
            )

    def synthesize(
        self, sentence: Sequence[str], config: _Config, speaker: int | None, rate: float
    ) -> tuple[F32, NDArray[np.int64] | None]:
        """Return samples, and the start of each symbol and of the end; None without known durations."""
        ids, firsts = _numbered(sentence, config)
        feed: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([config.noise, config.length / rate, config.noise_of_lengths], np.float32),
        }
        if "sid" in self._inputs:
            feed["sid"] = np.array([speaker or 0], np.int64)
        outputs = [self._session.get_outputs()[0].name, *([] if self._lengths is None else [self._lengths])]
        with _network_errors(self._name):
            values = self._session.run(outputs, feed)
        samples = np.asarray(values[0], np.float32).ravel()
        if not samples.size or not np.isfinite(samples).all():
            raise InvalidVoiceFile(f"The voice {self._name!r} produces no audio for this text. Try another voice.")
        lengths = np.asarray(values[1], np.float64).ravel() if len(values) > 1 else np.zeros(0)
        if len(lengths) != len(ids) or not lengths.sum() > 0:
            return samples, None
        ends = np.cumsum(lengths) / lengths.sum() * len(samples)
        starts = np.concatenate([[0.0], ends])[firsts]
        return samples, np.rint(starts).astype(np.int64)


def _numbered(sentence: Sequence[str], config: _Config) -> tuple[list[int], list[int]]:
    """Return the network's ids for a sentence, and the position of each symbol and of the end."""
    between = config.ids.get(_BETWEEN, ())
    ids = [*config.ids.get(_BEGIN, ()), *between]
    firsts = []
    for symbol in sentence:
        firsts.append(len(ids))
        if own := config.ids.get(symbol):  # symbols outside the table are skipped
            ids += [*own, *between]
    firsts.append(len(ids))
    return [*ids, *config.ids.get(_END, ())], firsts


def _marks(sentence: Sequence[str], starts: NDArray[np.int64], begin: int, rate_hz: int) -> Iterator[tuple[int, str]]:
    """Yield starts of phones and pauses: (sample, IPA or empty). Stress and short gaps belong to the phone before."""
    yield begin, ""
    ends = starts[1:]
    for symbol, start, end in zip(sentence, starts, ends, strict=False):
        if _is_spoken(symbol):
            yield begin + int(start), symbol
        elif symbol in _SENTENCE_MARKS + _CLAUSE_MARKS or (symbol.isspace() and end - start > _PAUSE_S * rate_hz):
            yield begin + int(start), ""
    yield begin + int(ends[-1]), ""


def _symbols(sentences: Sequence[Sequence[str]]) -> list[str]:
    """Return the spoken symbols in order, with empty ones for pauses, including silence at both ends."""
    symbols = [""]
    for sentence in sentences:
        marks = _SENTENCE_MARKS + _CLAUSE_MARKS
        symbols += [
            symbol if _is_spoken(symbol) else "" for symbol in sentence if _is_spoken(symbol) or symbol in marks
        ]
    return symbols if symbols[-1] == "" else [*symbols, ""]


def _is_spoken(symbol: str) -> bool:
    return symbol not in _SENTENCE_MARKS + _CLAUSE_MARKS and bool(visemes_of(symbol))


def _normalized(samples: F32, rate_hz: int) -> F32:
    """Normalize the peak of a sentence, and fade its ends to avoid clicks."""
    samples = samples * np.float32(_PEAK / max(float(np.abs(samples).max()), 1e-6))
    fade = np.linspace(0.0, 1.0, min(round(_FADE_S * rate_hz), len(samples)), dtype=np.float32)
    samples[: len(fade)] *= fade
    samples[len(samples) - len(fade) :] *= fade[::-1]
    return samples


def _read_config(config: Mapping[str, Any], name: str) -> _Config:
    """Read a voice's settings. Raises InvalidVoiceFile if they are invalid."""
    try:
        kind = config.get("phoneme_type") or "espeak"
        inference = config.get("inference") or {}
        several = int(config.get("num_speakers") or 1) > 1
        numbers = config.get("speaker_id_map") or {str(n): n for n in range(int(config.get("num_speakers") or 1))}
        tag = (config.get("language") or {}).get("code") or config["espeak"]["voice"]
        read = _Config(
            rate_hz=int(config["audio"]["sample_rate"]),
            language=str(tag).replace("_", "-"),
            espeak_voice=None if kind == "text" else str(config["espeak"]["voice"]),
            ids={str(symbol): tuple(int(n) for n in ids) for symbol, ids in config["phoneme_id_map"].items()},
            speakers={str(speaker): int(n) for speaker, n in numbers.items()} if several else {},
            default_speaker=int(config.get("default_speaker_id") or 0) if several else None,
            noise=float(inference.get("noise_scale", 0.667)),
            length=float(inference.get("length_scale", 1.0)),
            noise_of_lengths=float(inference.get("noise_w", 0.8)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidVoiceFile(f"The settings of the voice {name!r} are not those of Piper ({error!r}).") from error
    if kind not in ("espeak", "text"):
        raise InvalidVoiceFile(
            f"The voice {name!r} needs phonemes of the kind {kind!r}, which only Piper itself provides. Use a voice of "
            "the kind espeak or text."
        )
    if not any(_is_spoken(symbol) for symbol in read.ids) or read.rate_hz not in AUDIO_RATES_HZ:
        raise InvalidVoiceFile(f"The settings of the voice {name!r} have no phonemes or no usable sampling rate.")
    return read


def _speaker_number(config: _Config, voice: str, speaker: str) -> int | None:
    if not speaker:
        return config.default_speaker
    for name, number in config.speakers.items():
        if name.lower() == speaker.lower():
            return number
    known = f"Some speakers: {', '.join(list(config.speakers)[:5])}." if config.speakers else "It has one speaker."
    raise UnknownVoice(f"The voice {voice!r} has no such speaker. {known}")


@contextmanager
def _network_errors(name: str) -> Iterator[None]:
    """Convert errors of onnxruntime, which have no common base class, only a common module."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise InvalidVoiceFile(f"The network of the voice {name!r} failed: {error}") from error
