"""Text to speech with espeak-ng: over 130 languages, offline, with the synthesizer's own phone times.

The library is GPL-3; only `espeak_process`, a separate program, loads it.
"""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from lipsmith.errors import EmptyText, MissingDependency, UnknownVoice, VoiceFailed
from lipsmith.media.clip import F32
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.script import speakable
from lipsmith.speech.visemes import visemes_of, with_early_stops
from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo
from lipsmith.synthesis.synthesized_speech import LEAD_S, TAIL_S, check_rate, phones_of

# The plain variants of espeak-ng whose mean spectrum is nearest to recorded speakers (6–10 dB off); others add echo or
# roughness. The median pitch of English, Hz, distinguishes them in lists.
_VARIANTS: Mapping[str, tuple[str, int]] = {
    "": ("male", 100),
    "f2": ("female", 185),
    "f3": ("female", 200),
    "f4": ("female", 175),
    "m1": ("male", 93),
    "m3": ("male", 103),
    "m4": ("male", 93),
}

# Tags of espeak-ng 1.52 that are not valid BCP 47 (RFC 5646; IANA subtag registry).
_LANGUAGE_TAGS: Mapping[str, str] = {
    "ca-ba": "ca-x-balear",
    "ca-nw": "ca-x-nw",
    "ca-va": "ca-valencia",
    "chr-us-qaaa-x-west": "chr-US",
    "en-us-nyc": "en-US-x-nyc",
    "nci": "nci",
    "piqd": "tlh",
    "py": "art-x-pyash",
    "qdb": "art-x-belta",
    "ru-cl": "ru-x-classic",
}

_OTHER_NAMES = {"zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn", "jp": "ja", "kr": "ko", "cz": "cs", "gr": "el", "ua": "uk"}
"""Common names of languages -> names of espeak-ng."""

# Languages in espeakng-loader 0.2.4 without a dictionary; they would spell every word.
_WITHOUT_DICTIONARY = frozenset({"fo", "kaa", "xex"})


class EspeakVoice:
    """`Voice` engine based on espeak-ng. Needs the extra ``lipsmith[voice]``."""

    def voices(self) -> Sequence[VoiceInfo]:
        """Return every language in seven variants, such as ``en-us`` and ``en-us+f3``.

        Raises MissingDependency without the extra, or VoiceFailed if the synthesizer cannot start.
        """
        return [_info(language, record, suffix) for language, record in self._languages.items() for suffix in _VARIANTS]

    def find(self, name: str) -> VoiceInfo:
        """Find a voice by name, regardless of case and ``_``; common other names are accepted.

        Raises UnknownVoice, with suggestions in its message.
        """
        language, record, suffix = self._found(name)
        return _info(language, record, suffix)

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        """Synthesize ``text`` at 22 050 Hz, with the synthesizer's own pauses at punctuation.

        Control characters become spaces, and markup is spoken as text. Raises EmptyText for text without words,
        InvalidOption for a rate outside 0.5–2.0, UnknownVoice, MissingDependency or VoiceFailed.
        """
        check_rate(rate)
        words = speakable(text)
        _, record, suffix = self._found(voice)
        file = f"{record['file']}+{suffix}" if suffix else record["file"]
        samples, rate_hz, marks = _synthesize(words, file, rate)
        if not any(visemes_of(symbol) for _, symbol in marks):
            raise EmptyText(f"The voice {voice!r} cannot speak any of this text. Enter at least one word.")
        lead, tail = (round(seconds * rate_hz) for seconds in (LEAD_S, TAIL_S))
        audio = MemoryAudio(np.pad(samples, (lead, tail))[np.newaxis], rate_hz)
        marks = [(start + lead, symbol) for start, symbol in marks]
        return SynthesizedSpeech(audio=audio, phones=with_early_stops(phones_of(marks, rate_hz, lead + len(samples))))

    def phonemes(self, text: str, *, voice: str) -> list[tuple[str, str]]:
        """Return each clause of ``text`` in IPA, with its final punctuation mark or an empty string.

        Engines that speak phonemes use it. Raises EmptyText, UnknownVoice, MissingDependency or VoiceFailed.
        """
        _, record, _ = self._found(voice)
        clauses = _request({"task": "phonemes", "text": speakable(text), "voice": record["file"]}, b"C")
        return [(ipa, mark) for ipa, mark in clauses]

    @cached_property
    def _languages(self) -> dict[str, dict[str, str]]:
        """Voice name -> record, without variants."""
        found: dict[str, dict[str, str]] = {}
        for record in _request({"task": "voices"}, b"V"):
            name = record["tag"].lower()
            if name in found:  # a second spelling of the same language
                name = record["file"].lower()
            if name not in _WITHOUT_DICTIONARY:
                found[name] = record
        return found

    def _found(self, voice: str) -> tuple[str, dict[str, str], str]:
        """Return the language, its record, and the variant. Raises UnknownVoice."""
        name, _, suffix = voice.strip().lower().replace("_", "-").partition("+")
        name = _OTHER_NAMES.get(name, name)
        by_file = {record["file"].lower(): key for key, record in self._languages.items()}  # "fr" for "fr-fr"
        language = name if name in self._languages else by_file.get(name)
        if language is None or suffix not in _VARIANTS:
            raise self._unknown(voice, name, language is not None)
        return language, self._languages[language], suffix

    def _unknown(self, voice: str, language: str, language_known: bool) -> UnknownVoice:
        if language_known:
            near = [f"{language}+{suffix}" for suffix in _VARIANTS if suffix]
        else:
            # "german" is a language name, "en-uk" a common mistake.
            named = [base] if (base := language.partition("-")[0]) in self._languages else []
            named += [
                n for n, record in self._languages.items() if len(language) > 2 and language in record["name"].lower()
            ]
            near = named[:6] or difflib.get_close_matches(language, self._languages, n=4, cutoff=0.5)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        return UnknownVoice(f"There is no voice called {voice!r}.{hint} `lipsmith voices` lists all of them.")


def _info(language: str, record: Mapping[str, str], suffix: str) -> VoiceInfo:
    gender, pitch_hz = _VARIANTS[suffix]
    return VoiceInfo(
        name=f"{language}+{suffix}" if suffix else language,
        language=_language_tag(record["tag"]),
        gender=gender,
        description=f"{record['name']}, {gender}, about {pitch_hz} Hz",
    )


def _language_tag(tag: str) -> str:
    """Convert a lower-case tag to the case of BCP 47: ``en-gb`` to ``en-GB``, ``fa-latn`` to ``fa-Latn``."""
    known = _LANGUAGE_TAGS.get(tag.lower())
    if known:
        return known
    first, *rest = tag.lower().split("-")
    cased = [first]
    for part in rest:
        private = "x" in cased
        cased.append(part.upper() if len(part) == 2 and not private else part.title() if len(part) == 4 else part)
    return "-".join(cased)


def _synthesize(text: str, voice: str, rate: float) -> tuple[F32, int, list[tuple[int, str]]]:
    """Return samples at full scale ±1, their rate, and the start of each phone: (sample, IPA)."""
    blocks: list[F32] = []
    marks: list[tuple[int, str]] = []
    rate_hz = 0
    with _running({"task": "speak", "text": text, "voice": voice, "rate": rate}) as messages:
        for kind, body in messages:
            if kind == b"A":
                blocks.append(np.asarray(np.frombuffer(body, "<i2") / np.float32(32768), np.float32))
            elif kind == b"P":
                marks.extend((int(sample), str(symbol)) for sample, symbol in json.loads(body))
            elif kind == b"Z":
                rate_hz = int(json.loads(body)["rate_hz"])
    if not blocks:
        raise EmptyText(f"The voice {voice!r} cannot speak any of this text. Enter at least one word.")
    return np.concatenate(blocks), rate_hz, marks


def _request(request: Mapping[str, Any], kind: bytes) -> Any:
    """Send a request; return the JSON body of the message of ``kind``."""
    with _running(request) as messages:
        answers = dict(messages)
    return json.loads(answers[kind])


@contextmanager
def _running(request: Mapping[str, Any]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
    """Start the synthesizer's process and yield its messages; the process is killed at the end of the block."""
    script = Path(__file__).with_name("espeak_process.py")
    with tempfile.TemporaryFile() as errors:  # a file, so that much output never blocks on a full pipe
        process = subprocess.Popen(
            [sys.executable, "-P", str(script)],  # -P: this folder's modules must not hide the standard library's
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            with process.stdin:
                process.stdin.write(json.dumps(request).encode())
            yield _messages(process.stdout, process, errors)
        except BrokenPipeError as error:
            raise VoiceFailed(_exit_message(process, errors)) from error
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def _messages(pipe: IO[bytes], process: subprocess.Popen[bytes], errors: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield messages up to the final Z, inclusive. Raises MissingDependency or VoiceFailed."""
    while True:
        head = pipe.read(5)
        size = int.from_bytes(head[1:], "little")
        body = pipe.read(size) if len(head) == 5 else b""
        if len(head) < 5 or len(body) < size:
            raise VoiceFailed(_exit_message(process, errors))
        kind = head[:1]
        if kind == b"M":
            raise MissingDependency(
                f"Text to speech needs espeak-ng, which is not installed ({body.decode()}). "
                "Install it with: pip install 'lipsmith[voice]'"
            )
        if kind == b"F":
            raise VoiceFailed(f"The speech synthesizer failed: {body.decode()}. Try another voice or text.")
        yield kind, body
        if kind == b"Z":
            return


def _exit_message(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """Return the message for a synthesizer process that ended early."""
    status = process.wait()
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    output = f" Its last output: {lines[-1]}" if lines else ""
    return f"The speech synthesizer ended early (exit status {status}).{output} Try again, or another voice or text."
