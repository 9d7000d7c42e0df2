"""Who can speak here. A process of its own is asked: what voices are made of stays out of the server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lipsmith.errors import UnknownVoice, VoiceFailed

KEPT_S = 60.0
"""How long an answer serves; voices may be added while the server runs."""
TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class VoiceDescription:
    """One voice."""

    name: str
    language: str
    """BCP 47 tag, such as ``en-GB``."""
    gender: str
    """``female``, ``male`` or ``neutral``."""
    description: str


class InstalledVoices:
    """Asks `lipsmith voices`, and remembers the answer for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Sequence[VoiceDescription] = ()
        self._until_s = 0.0

    def all(self) -> Sequence[VoiceDescription]:
        """All that are installed. Raises VoiceFailed, with the reason, where there are none."""
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._known = _ask()
                self._until_s = time.monotonic() + KEPT_S
            return self._known

    def find(self, name: str) -> VoiceDescription:
        """The voice of that very name. Raises UnknownVoice or VoiceFailed."""
        for voice in self.all():
            if voice.name == name:
                return voice
        raise UnknownVoice(f"There is no voice called {name[:100]!r}. The list of voices has all names.")


def _ask() -> Sequence[VoiceDescription]:
    command = [sys.executable, "-m", "lipsmith", "voices", "--json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        raise VoiceFailed(error.stderr.strip() or VoiceFailed().message) from error
    except subprocess.TimeoutExpired as error:
        raise VoiceFailed(f"The voices did not answer within {TIMEOUT_S:g} s. Try again later.") from error
    fields = VoiceDescription.__dataclass_fields__.keys()
    return [VoiceDescription(**{key: voice[key] for key in fields}) for voice in json.loads(done.stdout)["voices"]]
