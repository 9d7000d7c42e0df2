"""Voices that were added: where they lie, what they are, and that they are still the same. Runs no model."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsmith.errors import InvalidOption, InvalidVoiceFile, OutputExists, UnknownVoice

FOLDER_VARIABLE = "LIPSMITH_VOICES_DIR"
"""The one environment variable that the library reads: programs that render for others have to find the same voices."""
GENDERS = ("female", "male", "neutral")
LARGEST_BYTES = 500_000_000
"""The largest Piper voices have 120 MB."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class VoiceRecord:
    """What was noted when a voice was added."""

    name: str
    sha256: str
    """Of the model, hexadecimal."""
    config_sha256: str
    """Of its description."""
    licence: str
    """As the person who added it said; empty where they did not."""
    gender: str


def voices_folder() -> Path:
    """Where added voices lie: what LIPSMITH_VOICES_DIR says, else the user's data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    home = Path.home()
    library = home / "Library" / "Application Support"
    return (library if library.is_dir() else home / ".local" / "share") / "lipsmith" / "voices"


class VoiceStore:
    """A folder of voices; each is a model, its description, and a record, which comes last and goes first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def records(self) -> list[VoiceRecord]:
        """All voices, by name. A record that cannot be read is left out."""
        found = (_read_record(path) for path in sorted(self.folder.glob("*.voice.json")))
        return [record for record in found if record is not None]

    def record(self, name: str) -> VoiceRecord:
        """Raises UnknownVoice."""
        for record in self.records():
            if record.name.lower() == name.lower():
                return record
        raise UnknownVoice(f"No voice called {name!r} was added. `lipsmith voices` lists all of them.")

    def model(self, record: VoiceRecord) -> bytes:
        """The model, which is still the one that was added. Raises InvalidVoiceFile."""
        return self._same(f"{record.name}.onnx", record.sha256)

    def config(self, record: VoiceRecord) -> Mapping[str, Any]:
        """Its description. Raises InvalidVoiceFile."""
        return as_config(self._same(f"{record.name}.onnx.json", record.config_sha256), record.name)

    def add(
        self, model: Path, config: Path, *, licence: str = "", gender: str = "neutral", overwrite: bool = False
    ) -> VoiceRecord:
        """Copies a model and its description; the voice is called like the model's file.

        Raises InvalidVoiceFile, InvalidOption, and OutputExists where the name is taken.
        """
        name = model.name.removesuffix(".onnx")
        if not _NAME.fullmatch(name) or gender not in GENDERS:
            raise InvalidOption(
                f"A voice cannot be called {name!r} or be {gender!r}. The file's name gives the voice its own: "
                f"letters, digits, . _ and -. The gender is {', '.join(GENDERS)}."
            )
        if not overwrite and any(record.name.lower() == name.lower() for record in self.records()):
            raise OutputExists(f"There is a voice {name!r} already. Remove it first, or allow overwriting.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            record = VoiceRecord(
                name=name,
                sha256=self._copy(model, f"{name}.onnx"),
                config_sha256=self._copy(config, f"{name}.onnx.json"),
                licence=licence,
                gender=gender,
            )
            self._write(f"{name}.voice.json", json.dumps(asdict(record), indent=1).encode())
        except OSError as error:
            raise InvalidOption(
                f"The voice could not be copied to {self.folder} ({error.strerror}). See to the folder, or name "
                f"another in {FOLDER_VARIABLE}."
            ) from error
        return record

    def remove(self, name: str) -> VoiceRecord:
        """Deletes a voice. Raises UnknownVoice."""
        record = self.record(name)
        for extension in (".voice.json", ".onnx", ".onnx.json"):
            (self.folder / f"{record.name}{extension}").unlink(missing_ok=True)
        return record

    def _same(self, file: str, sha256: str) -> bytes:
        try:
            content = (self.folder / file).read_bytes()
        except OSError as error:
            raise InvalidVoiceFile(f"A voice's {file} cannot be read ({error.strerror}). Add it again.") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InvalidVoiceFile(
                f"The voice's file {file} is not the one that was added: its SHA-256 differs. Remove the voice, and "
                "add it again from where you trust it."
            )
        return content

    def _copy(self, source: Path, file: str) -> str:
        content = read_limited(source)
        self._write(file, content)
        return hashlib.sha256(content).hexdigest()

    def _write(self, file: str, content: bytes) -> None:
        unfinished = self.folder / f".{uuid.uuid4().hex}.part"
        try:
            unfinished.write_bytes(content)
            shutil.move(unfinished, self.folder / file)
        finally:
            unfinished.unlink(missing_ok=True)


def read_limited(path: Path) -> bytes:
    """A file's content. Raises InvalidVoiceFile where it cannot be read or is far too large for a voice."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InvalidVoiceFile(f"{path} is too large for a voice: more than {LARGEST_BYTES // 1_000_000} MB.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidVoiceFile(
            f"{path} cannot be read ({error.strerror}). A Piper voice is two files, NAME.onnx and NAME.onnx.json."
        ) from error


def as_config(content: bytes, name: str) -> Mapping[str, Any]:
    """A voice's description. Raises InvalidVoiceFile where it is none."""
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidVoiceFile(f"The description of the voice {name!r} is no JSON ({error}).") from error
    if not isinstance(config, dict):
        raise InvalidVoiceFile(f"The description of the voice {name!r} is no JSON object.")
    return config


def _read_record(path: Path) -> VoiceRecord | None:
    try:
        return VoiceRecord(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
