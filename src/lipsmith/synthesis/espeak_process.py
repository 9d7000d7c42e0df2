"""Separate program that runs espeak-ng, which keeps its license (GPL-3) and its crashes out of the library.

`lipsmith.synthesis.espeak` starts it as a plain script; it imports nothing from lipsmith. It reads one JSON request
from standard input and writes messages to standard output: one letter, the length of the body (4 bytes, little
endian), the body. A: audio, 16-bit mono. P: phonemes, JSON list of [sample, IPA]. C: clauses, JSON list of [IPA, final
punctuation mark]. V: voices, JSON list. F: failure, UTF-8 text. M: the Python package is missing. Z: end, JSON with
``rate_hz``.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

# From espeak-ng's speak_lib.h, version 1.52.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_POSITION_OF_CHARACTER = 1
_PARAMETER_RATE = 1
_EVENT_LIST_END, _EVENT_PHONEME = 0, 7
_PHONEME_NAME_BYTES = 8

_WORDS_PER_MINUTE = 175
_CLOSING = " \t\r\n\"'”’»)]}"
"""Characters that may follow the final mark of a clause."""


class _EventValue(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_byte * _PHONEME_NAME_BYTES))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("value", _EventValue),
    )


class _VoiceRecord(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),  # one priority byte, the tag, a zero; then others
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class SynthesizerFailed(Exception):
    """Call to the library that failed."""


def main() -> None:
    """Answer one request and exit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches parent and child; the parent reports it
    request = json.loads(sys.stdin.buffer.read())
    try:
        library, rate_hz = _open_library()
        if request["task"] == "voices":
            _send(b"V", _as_json(list(_voices(library))))
        elif request["task"] == "phonemes":
            _send(b"C", _as_json(list(_clauses(library, request["text"], request["voice"]))))
        else:
            _speak(library, request["text"], request["voice"], request["rate"])
        _send(b"Z", _as_json({"rate_hz": rate_hz}))
    except ImportError as error:
        _send(b"M", str(error).encode())
    except (SynthesizerFailed, OSError) as error:
        _send(b"F", str(error).encode())


def _open_library() -> tuple[ctypes.CDLL, int]:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data_path = espeakng_loader.get_data_path().encode()
    options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
    rate_hz = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, options)
    if rate_hz <= 0:
        raise SynthesizerFailed(f"espeak_Initialize returned {rate_hz}; its data may be incomplete")
    library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # otherwise breathy voices differ from run to run
    return library, rate_hz


def _voices(library: ctypes.CDLL) -> Iterator[dict[str, str]]:
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
    records = library.espeak_ListVoices(None)
    index = 0
    while records[index]:
        record = records[index].contents
        yield {
            "tag": record.languages[1:].decode("utf-8", "replace"),
            "name": record.name.decode("utf-8", "replace").strip(),
            "file": record.identifier.decode("utf-8", "replace").rsplit("/", 1)[-1],
        }
        index += 1


def _clauses(library: ctypes.CDLL, text: str, voice: str) -> Iterator[tuple[str, str]]:
    """Yield each clause of the text in IPA, with its final punctuation mark or an empty string."""
    _check(library.espeak_SetVoiceByName(voice.encode()), f"espeak_SetVoiceByName({voice!r})")
    translate = library.espeak_TextToPhonemes
    translate.restype = ctypes.c_char_p
    translate.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
    data = text.encode("utf-8")
    buffer = ctypes.create_string_buffer(data)
    begin = ctypes.addressof(buffer)
    rest = ctypes.c_void_p(begin)
    done = 0
    while rest.value:
        ipa = translate(ctypes.byref(rest), _CHARS_UTF8, _PHONEME_IPA)
        if rest.value:  # espeak-ng has already read one character of the next clause
            read = rest.value - begin
            clause = data[done:read].decode("utf-8", "ignore")[:-1]
        else:
            read = len(data)
            clause = data[done:].decode("utf-8", "ignore")
        last = clause.rstrip(_CLOSING)[-1:]
        mark = last if last and unicodedata.category(last).startswith("P") else ""
        yield (ipa or b"").decode("utf-8", "ignore").strip(), mark
        done = read


def _speak(library: ctypes.CDLL, text: str, voice: str, rate: float) -> None:
    _check(library.espeak_SetVoiceByName(voice.encode()), f"espeak_SetVoiceByName({voice!r})")
    _check(library.espeak_SetParameter(_PARAMETER_RATE, round(_WORDS_PER_MINUTE * rate), 0), "espeak_SetParameter")

    def receive(samples: Any, count: int, events: Any) -> int:
        try:
            if samples and count > 0:
                _send(b"A", ctypes.string_at(samples, 2 * count))
            if phonemes := list(_phonemes(events)):
                _send(b"P", _as_json(phonemes))
        except OSError:
            return 1  # the reader is gone: stop
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    data = text.encode("utf-8")
    arguments = (data, ctypes.c_size_t(len(data) + 1), 0, _POSITION_OF_CHARACTER, 0, _CHARS_UTF8, None, None)
    _check(library.espeak_Synth(*arguments), "espeak_Synth")
    _check(library.espeak_Synchronize(), "espeak_Synchronize")


def _phonemes(events: Any) -> Iterator[tuple[int, str]]:
    index = 0
    while events[index].type != _EVENT_LIST_END:
        event = events[index]
        if event.type == _EVENT_PHONEME:
            name = bytes(event.value.string).split(b"\0")[0]  # a name of eight bytes has no final zero
            yield event.sample, name.decode("utf-8", "ignore")
        index += 1


def _check(status: int, call: str) -> None:
    if status != 0:
        raise SynthesizerFailed(f"{call} returned {status}")


def _as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def _send(kind: bytes, body: bytes) -> None:
    sys.stdout.buffer.write(kind + len(body).to_bytes(4, "little") + body)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
