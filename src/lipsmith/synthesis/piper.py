"""Speaks text with voices made for Piper, which somebody added: VITS networks in ONNX files, run by onnxruntime.

The words become phonemes in espeak-ng's own process; nothing of Piper's program, which is under the GPL, is used. When
each phoneme is made, the network knows itself: it plans how long each lasts before it makes a sound of them. Where it
cannot be asked, the phonemes are looked for in the sound.
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
"""Piper's own signs in a voice's table of phonemes; the last one stands between any two."""
_SENTENCE_SIGNS, _CLAUSE_SIGNS = ".!?", ",;:"
_SIGN_OF: Mapping[str, str] = {
    "。": ".", "．": ".", "।": ".", "۔": ".", "…": ".", "！": "!", "？": "?", "؟": "?", "，": ",", "、": ",",
    "،": ",", "；": ";", "؛": ";", "：": ":", "—": ",", "–": ",",
}  # fmt: skip
"""Other scripts' signs -> those that voices know."""
_LANGUAGE_MARK = re.compile(r"\([^)]*\)")
_PAUSE_S = 0.15
"""A gap between words that lasts longer is one that is heard."""
_PEAK = 0.9
"""Of full scale: how loud each sentence is made; voices differ by 20 dB, and so may sentences."""
_FADE_S = 0.005
_SEED = 20260417
"""Voices draw the small irregularities of speech by chance; the same text shall sound the same."""

_session_lock = Lock()
"""The seed belongs to the whole process."""


@dataclass(frozen=True, kw_only=True)
class _Config:
    """What a voice's description says."""

    rate_hz: int
    language: str
    espeak_voice: str | None
    """Who turns words into phonemes; None: letters are phonemes."""
    ids: Mapping[str, Sequence[int]]
    speakers: Mapping[str, int]
    default_speaker: int | None
    """None where the network knows a single one."""
    noise: float
    length: float
    noise_of_lengths: float


class PiperVoice:
    """The role `Voice`, played by voices that were added. Needs the extra ``lipsmith[piper]``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._store = VoiceStore(voices_folder() if folder is None else folder)
        self._espeak = EspeakVoice()

    def voices(self) -> Sequence[VoiceInfo]:
        """Every added voice; one with several speakers also as ``NAME+SPEAKER``."""
        return [info for record in self._store.records() for info in self._infos(record)]

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        """Speaks ``text`` sentence by sentence, each equally loud, at the voice's own sampling rate.

        Raises EmptyText, InvalidOption, UnknownVoice, InvalidVoiceFile, MissingDependency or VoiceFailed.
        """
        check_rate(rate)
        name, _, speaker = voice.partition("+")
        record = self._store.record(name)
        config = _read_config(self._store.config(record), record.name)
        number = _speaker_number(config, voice, speaker)
        sentences = list(self._sentences(text, config))
        if not any(_is_spoken(symbol) for sentence in sentences for symbol in sentence):
            raise EmptyText(f"The voice {voice!r} finds nothing to say in this text. Give at least one word.")
        network = _Network(self._store.model(record), record.name)
        lead = round(LEAD_S * config.rate_hz)
        split_text: list[F32] = [np.zeros(lead, np.float32)]
        marks: list[tuple[int, str]] | None = []
        at = lead
        for sentence in sentences:
            samples, starts = network.say(sentence, config, number, rate)
            split_text.append(_levelled(samples, config.rate_hz))
            marks = None if marks is None or starts is None else [*marks, *_marks(sentence, starts, at, config.rate_hz)]
            at += len(samples)
        split_text.append(np.zeros(round(TAIL_S * config.rate_hz), np.float32))
        audio = MemoryAudio(np.concatenate(split_text)[np.newaxis], config.rate_hz)
        if marks is None:
            return SynthesizedSpeech(audio=audio, phones=align_phones(_symbols(sentences), audio))
        return SynthesizedSpeech(audio=audio, phones=phones_of(marks, config.rate_hz, at))

    def check(self, model: Path, config: Path) -> None:
        """Whether these files are a voice that can be used. Raises InvalidVoiceFile and others of `speak`."""
        name = model.name
        described = _read_config(as_config(read_limited(config), config.name), name)
        if described.espeak_voice is not None:
            self._espeak.find(described.espeak_voice)
        network = _Network(read_limited(model), name)
        letters = [symbol for symbol in described.ids if _is_spoken(symbol)][:3]
        network.say(letters, described, described.default_speaker, 1.0)

    def _infos(self, record: VoiceRecord) -> Iterator[VoiceInfo]:
        try:
            config = _read_config(self._store.config(record), record.name)
        except InvalidVoiceFile:  # whoever asks for it is told why; all others still have theirs
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
        """The text's sentences as phonemes, each a sign of the voice's table."""
        words = speakable(text)
        if config.espeak_voice is None:
            yield list(unicodedata.normalize("NFD", words))
            return
        sentence: list[str] = []
        for ipa, sign in self._espeak.phonemes(words, voice=config.espeak_voice):
            sentence += unicodedata.normalize("NFD", _LANGUAGE_MARK.sub("", ipa))
            sign = _SIGN_OF.get(sign, sign)
            if sign in _CLAUSE_SIGNS and sign:
                sentence += [sign, " "]
                continue
            sentence.append(sign if sign in _SENTENCE_SIGNS and sign else ".")
            if any(_is_spoken(symbol) for symbol in sentence):
                yield sentence
            sentence = []
        if any(_is_spoken(symbol) for symbol in sentence):
            yield sentence


class _Network:
    """A voice's network, loaded once for a text."""

    def __init__(self, model: bytes, name: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependency(
                f"Voices made for Piper need onnxruntime, which is not installed ({error}). "
                "Install it with: pip install 'lipsmith[piper]'"
            ) from error
        self._name = name
        try:
            lengths = values_made_by(model, "Ceil")
        except ValueError as error:
            raise InvalidVoiceFile(f"{name} is no ONNX model ({error}).") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what fails is raised
        # A VITS network rounds the lengths of its phonemes up, and rounds nothing else up.
        self._lengths = lengths[0] if len(lengths) == 1 else None
        with _session_lock, _network_faults(name):
            onnxruntime.set_seed(_SEED)
            self._session = onnxruntime.InferenceSession(
                model if self._lengths is None else with_output(model, self._lengths),
                options,
                providers=["CPUExecutionProvider"],
            )
        self._inputs = {one.name for one in self._session.get_inputs()}
        if missing := {"input", "input_lengths", "scales"} - self._inputs:
            raise InvalidVoiceFile(f"{name} is no Piper voice: its network has no input {', '.join(sorted(missing))}.")

    def say(
        self, sentence: Sequence[str], config: _Config, speaker: int | None, rate: float
    ) -> tuple[F32, NDArray[np.int64] | None]:
        """Samples, and where each sign of the sentence begins, one more for the end; None where nobody knows."""
        ids, firsts = _numbered(sentence, config)
        feed: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([config.noise, config.length / rate, config.noise_of_lengths], np.float32),
        }
        if "sid" in self._inputs:
            feed["sid"] = np.array([speaker or 0], np.int64)
        wanted = [self._session.get_outputs()[0].name, *([] if self._lengths is None else [self._lengths])]
        with _network_faults(self._name):
            made = self._session.run(wanted, feed)
        samples = np.asarray(made[0], np.float32).ravel()
        if not samples.size or not np.isfinite(samples).all():
            raise InvalidVoiceFile(f"The voice {self._name!r} makes no sound of this text. Try another voice.")
        lengths = np.asarray(made[1], np.float64).ravel() if len(made) > 1 else np.zeros(0)
        if len(lengths) != len(ids) or not lengths.sum() > 0:
            return samples, None
        ends = np.cumsum(lengths) / lengths.sum() * len(samples)
        starts = np.concatenate([[0.0], ends])[firsts]
        return samples, np.rint(starts).astype(np.int64)


def _numbered(sentence: Sequence[str], config: _Config) -> tuple[list[int], list[int]]:
    """The sentence as its network reads it, and at which place each sign of it begins; the end comes last."""
    between = config.ids.get(_BETWEEN, ())
    ids = [*config.ids.get(_BEGIN, ()), *between]
    firsts = []
    for symbol in sentence:
        firsts.append(len(ids))
        if own := config.ids.get(symbol):  # what the voice has no sign for is not said
            ids += [*own, *between]
    firsts.append(len(ids))
    return [*ids, *config.ids.get(_END, ())], firsts


def _marks(sentence: Sequence[str], starts: NDArray[np.int64], begin: int, rate_hz: int) -> Iterator[tuple[int, str]]:
    """Where phones and pauses begin: (sample, IPA), the pause empty. Stress and short gaps belong to what is before."""
    yield begin, ""
    ends = starts[1:]
    for symbol, start, end in zip(sentence, starts, ends, strict=False):
        if _is_spoken(symbol):
            yield begin + int(start), symbol
        elif symbol in _SENTENCE_SIGNS + _CLAUSE_SIGNS or (symbol.isspace() and end - start > _PAUSE_S * rate_hz):
            yield begin + int(start), ""
    yield begin + int(ends[-1]), ""


def _symbols(sentences: Sequence[Sequence[str]]) -> list[str]:
    """What is said one after the other, pauses empty, from the silence before to the one after."""
    said = [""]
    for sentence in sentences:
        signs = _SENTENCE_SIGNS + _CLAUSE_SIGNS
        said += [symbol if _is_spoken(symbol) else "" for symbol in sentence if _is_spoken(symbol) or symbol in signs]
    return said if said[-1] == "" else [*said, ""]


def _is_spoken(symbol: str) -> bool:
    return symbol not in _SENTENCE_SIGNS + _CLAUSE_SIGNS and bool(visemes_of(symbol))


def _levelled(samples: F32, rate_hz: int) -> F32:
    """The sentence at its level, with soft ends, so that nothing clicks where two meet."""
    samples = samples * np.float32(_PEAK / max(float(np.abs(samples).max()), 1e-6))
    fade = np.linspace(0.0, 1.0, min(round(_FADE_S * rate_hz), len(samples)), dtype=np.float32)
    samples[: len(fade)] *= fade
    samples[len(samples) - len(fade) :] *= fade[::-1]
    return samples


def _read_config(config: Mapping[str, Any], name: str) -> _Config:
    """Raises InvalidVoiceFile for a description that is none."""
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
        raise InvalidVoiceFile(f"The description of the voice {name!r} is none of Piper's ({error!r}).") from error
    if kind not in ("espeak", "text"):
        raise InvalidVoiceFile(
            f"The voice {name!r} reads phonemes of the kind {kind!r}, which only Piper itself makes. Voices of the "
            "kinds espeak and text can be used."
        )
    if not any(_is_spoken(symbol) for symbol in read.ids) or read.rate_hz not in AUDIO_RATES_HZ:
        raise InvalidVoiceFile(f"The description of the voice {name!r} names no phonemes or no usable sampling rate.")
    return read


def _speaker_number(config: _Config, voice: str, speaker: str) -> int | None:
    if not speaker:
        return config.default_speaker
    for name, number in config.speakers.items():
        if name.lower() == speaker.lower():
            return number
    known = f"Some of them: {', '.join(list(config.speakers)[:5])}." if config.speakers else "It has a single one."
    raise UnknownVoice(f"There is no speaker as in {voice!r} in that voice. {known}")


@contextmanager
def _network_faults(name: str) -> Iterator[None]:
    """What onnxruntime raises has no common base, only a module."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise InvalidVoiceFile(f"The network of the voice {name!r} fails: {error}") from error
