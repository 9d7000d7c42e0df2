"""Speaks text with espeak-ng: over 130 languages, no network, and the times of the phones from the synthesizer itself.

The library is GPL-3; it is only ever loaded by `espeak_process`, which runs as a program of its own.
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
from typing import IO, Any, NoReturn

import numpy as np

from lipsmith.errors import EmptyText, MissingDependency, UnknownVoice, VoiceFailed
from lipsmith.media.clip import F32
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.script import speakable
from lipsmith.speech.visemes import visemes_of, with_early_stops
from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo
from lipsmith.synthesis.synthesized_speech import LEAD_S, TAIL_S, check_rate, phones_of

# Of espeak-ng's own variants, plain ones whose mean spectrum lies nearest to that of recorded speakers (6–10 dB off);
# others add echo, roughness or a costume. Median pitch of English in Hz, to tell them apart in the list.
_VARIANTS: Mapping[str, tuple[str, int]] = {
    "": ("male", 100),
    "f2": ("female", 185),
    "f3": ("female", 200),
    "f4": ("female", 175),
    "m1": ("male", 93),
    "m3": ("male", 103),
    "m4": ("male", 93),
}

# Tags that espeak-ng 1.52 gives in a form that BCP 47 does not know (RFC 5646; IANA subtag registry).
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
"""What people call a language -> what espeak-ng calls it."""

# Languages that espeakng-loader 0.2.4 lists but ships no dictionary for: they would spell every word.
_WITHOUT_DICTIONARY = frozenset({"fo", "kaa", "xex"})


class EspeakVoice:
    """The role `Voice`, played by espeak-ng. Needs the extra ``lipsmith[voice]``."""

    def voices(self) -> Sequence[VoiceInfo]:
        """Every language in seven variants, such as ``en-us`` and ``en-us+f3``.

        Raises MissingDependency without the extra, VoiceFailed when the synthesizer cannot start.
        """
        return [_info(language, record, suffix) for language, record in self._languages.items() for suffix in _VARIANTS]

    def find(self, name: str) -> VoiceInfo:
        """The voice that is meant by ``name``: case and ``_`` do not matter, and usual other names are known.

        Raises UnknownVoice, whose message names what is near.
        """
        language, record, suffix = self._found(name)
        return _info(language, record, suffix)

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        """Speaks ``text`` at 22 050 Hz; the pauses at punctuation are the synthesizer's.

        Control characters are spaces and markup is read aloud like any text. Raises EmptyText when there is nothing to
        say, InvalidOption for a rate outside 0.5–2.0, UnknownVoice, MissingDependency or VoiceFailed.
        """
        check_rate(rate)
        words = speakable(text)
        _, record, suffix = self._found(voice)
        file = f"{record['file']}+{suffix}" if suffix else record["file"]
        samples, rate_hz, marks = _synthesize(words, file, rate)
        if not any(visemes_of(symbol) for _, symbol in marks):
            raise EmptyText(f"The voice {voice!r} finds nothing to say in this text. Give at least one word.")
        lead, tail = (round(seconds * rate_hz) for seconds in (LEAD_S, TAIL_S))
        audio = MemoryAudio(np.pad(samples, (lead, tail))[np.newaxis], rate_hz)
        marks = [(start + lead, symbol) for start, symbol in marks]
        return SynthesizedSpeech(audio=audio, phones=with_early_stops(phones_of(marks, rate_hz, lead + len(samples))))

    def phonemes(self, text: str, *, voice: str) -> list[tuple[str, str]]:
        """Each clause of ``text`` in IPA, and the sign that ends it, such as a comma; empty where there is none.

        For engines that speak phonemes. Raises EmptyText, UnknownVoice, MissingDependency or VoiceFailed.
        """
        _, record, _ = self._found(voice)
        clauses = _ask({"task": "phonemes", "text": speakable(text), "voice": record["file"]}, b"C")
        return [(ipa, sign) for ipa, sign in clauses]

    @cached_property
    def _languages(self) -> dict[str, dict[str, str]]:
        """Voice name to its record, without variants."""
        found: dict[str, dict[str, str]] = {}
        for record in _ask({"task": "voices"}, b"V"):
            name = record["tag"].lower()
            if name in found:  # a second spelling of the same language
                name = record["file"].lower()
            if name not in _WITHOUT_DICTIONARY:
                found[name] = record
        return found

    def _found(self, voice: str) -> tuple[str, dict[str, str], str]:
        """The language, its record, and the variant. Raises UnknownVoice."""
        wish, _, suffix = voice.strip().lower().replace("_", "-").partition("+")
        wish = _OTHER_NAMES.get(wish, wish)
        by_file = {record["file"].lower(): name for name, record in self._languages.items()}  # "fr" for "fr-fr"
        language = wish if wish in self._languages else by_file.get(wish)
        if language is None or suffix not in _VARIANTS:
            self._refuse(voice, wish, language is not None)
        return language, self._languages[language], suffix

    def _refuse(self, voice: str, language: str, language_known: bool) -> NoReturn:
        if language_known:
            near = [f"{language}+{suffix}" for suffix in _VARIANTS if suffix]
        else:
            # "german" is a name, "en-uk" a slip of the tongue.
            named = [base] if (base := language.partition("-")[0]) in self._languages else []
            named += [
                n for n, record in self._languages.items() if len(language) > 2 and language in record["name"].lower()
            ]
            near = named[:6] or difflib.get_close_matches(language, self._languages, n=4, cutoff=0.5)
        hint = f" Near: {', '.join(near)}." if near else ""
        raise UnknownVoice(f"There is no voice called {voice!r}.{hint} `lipsmith voices` lists all of them.")


def _info(language: str, record: Mapping[str, str], suffix: str) -> VoiceInfo:
    gender, pitch_hz = _VARIANTS[suffix]
    return VoiceInfo(
        name=f"{language}+{suffix}" if suffix else language,
        language=_language_tag(record["tag"]),
        gender=gender,
        description=f"{record['name']}, {gender}, about {pitch_hz} Hz",
    )


def _language_tag(tag: str) -> str:
    """espeak-ng's lower-case tag in the usual case of BCP 47: ``en-gb`` is ``en-GB``, ``fa-latn`` is ``fa-Latn``."""
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
    """Samples at full scale ±1, their rate, and where each phone starts: (sample, IPA)."""
    blocks: list[F32] = []
    marks: list[tuple[int, str]] = []
    rate_hz = 0
    with _running({"task": "speak", "text": text, "voice": voice, "rate": rate}) as messages:
        for kind, body in messages:
            if kind == b"A":
                blocks.append(np.frombuffer(body, "<i2").astype(np.float32) / 32768)
            elif kind == b"P":
                marks.extend((int(sample), str(symbol)) for sample, symbol in json.loads(body))
            elif kind == b"Z":
                rate_hz = int(json.loads(body)["rate_hz"])
    if not blocks:
        raise EmptyText(f"The voice {voice!r} finds nothing to say in this text. Give at least one word.")
    return np.concatenate(blocks), rate_hz, marks


def _ask(request: Mapping[str, Any], kind: bytes) -> Any:
    """The JSON body of the one message of ``kind``."""
    with _running(request) as messages:
        answers = dict(messages)
    return json.loads(answers[kind])


@contextmanager
def _running(request: Mapping[str, Any]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
    """The messages that the synthesizer's process answers with. The process is gone when the block is left."""
    script = Path(__file__).with_name("espeak_process.py")
    with tempfile.TemporaryFile() as complaints:  # a file, so that a talkative library never blocks on a full pipe
        process = subprocess.Popen(
            [sys.executable, "-P", str(script)],  # -P: this folder's modules must not hide the standard library's
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            with process.stdin:
                process.stdin.write(json.dumps(request).encode())
            yield _messages(process.stdout, process, complaints)
        except BrokenPipeError as error:
            raise VoiceFailed(_last_words(process, complaints)) from error
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def _messages(
    pipe: IO[bytes], process: subprocess.Popen[bytes], complaints: IO[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Messages up to and with the final Z. Raises MissingDependency or VoiceFailed."""
    while True:
        head = pipe.read(5)
        size = int.from_bytes(head[1:], "little")
        body = pipe.read(size) if len(head) == 5 else b""
        if len(head) < 5 or len(body) < size:
            raise VoiceFailed(_last_words(process, complaints))
        kind = head[:1]
        if kind == b"M":
            raise MissingDependency(
                f"Text needs the speech synthesizer espeak-ng, which is not installed ({body.decode()}). "
                "Install it with: pip install 'lipsmith[voice]'"
            )
        if kind == b"F":
            raise VoiceFailed(f"The speech synthesizer refused: {body.decode()}. Try another voice or text.")
        yield kind, body
        if kind == b"Z":
            return


def _last_words(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    """Why the synthesizer's process ended before it was done."""
    status = process.wait()
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    words = f" Its last words: {lines[-1]}" if lines else ""
    return f"The speech synthesizer ended early (exit status {status}).{words} Try again, or another voice or text."
