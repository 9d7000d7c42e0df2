"""Voices that can speak a text. A child process lists them, so the server loads no synthesizer."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from lipsmith.errors import UnknownVoice, VoiceFailed
from lipsmith.service.processes.messages import VoiceDescription, decode_answer
from lipsmith.service.processes.pool import CHILD

CACHE_S = 60.0
"""Lifetime of a list; voices may be added while the server runs."""
TIMEOUT_S = 30.0


class InstalledVoices:
    """List the voices, with a cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Sequence[VoiceDescription] = ()
        self._expires_s = 0.0

    def all(self) -> Sequence[VoiceDescription]:
        """Return all installed voices. Raises VoiceFailed, with the reason, if there are none."""
        with self._lock:
            if time.monotonic() >= self._expires_s:
                self._known = _list_voices()
                self._expires_s = time.monotonic() + CACHE_S
            return self._known

    def find(self, name: str) -> VoiceDescription:
        """Return the voice with exactly that name. Raises UnknownVoice or VoiceFailed."""
        for voice in self.all():
            if voice.name == name:
                return voice
        raise UnknownVoice(f"There is no voice {name[:100]!r}. Use a name from the list of voices.")


def _list_voices() -> Sequence[VoiceDescription]:
    command = [sys.executable, "-P", *CHILD, "--list-voices"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True, stdin=subprocess.DEVNULL)
        answer = decode_answer(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise VoiceFailed(f"The voices could not be listed within {TIMEOUT_S:g} s. Try again later.") from error
    except (subprocess.CalledProcessError, ValueError, OSError) as error:
        raise VoiceFailed() from error
    if answer.voices is None:
        raise VoiceFailed(answer.error.message if answer.error else None)
    return answer.voices
