"""Installed voices: their folder, their records, and a check that their files are unchanged."""

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
"""The only environment variable that the library reads, so that child processes find the same voices."""
GENDERS = ("female", "male", "neutral")
MAX_BYTES = 500_000_000
"""The largest Piper voices have 120 MB."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class VoiceRecord:
    """Record of an installed voice."""

    name: str
    sha256: str
    """Hash of the model, hexadecimal."""
    config_sha256: str
    """Hash of its settings."""
    licence: str
    """Licence noted at installation; empty if unknown."""
    gender: str


def voices_folder() -> Path:
    """Return the folder of installed voices: LIPSMITH_VOICES_DIR, or the user's data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    home = Path.home()
    library = home / "Library" / "Application Support"
    return (library if library.is_dir() else home / ".local" / "share") / "lipsmith" / "voices"


class VoiceStore:
    """Folder of voices, each with a model, settings, and a record that is written last and deleted first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def records(self) -> list[VoiceRecord]:
        """Return all voices by name, without unreadable records."""
        found = (_read_record(path) for path in sorted(self.folder.glob("*.voice.json")))
        return [record for record in found if record is not None]

    def record(self, name: str) -> VoiceRecord:
        """Return the record of a voice. Raises UnknownVoice."""
        for record in self.records():
            if record.name.lower() == name.lower():
                return record
        raise UnknownVoice(f"There is no installed voice called {name!r}. `lipsmith voices` lists all of them.")

    def model(self, record: VoiceRecord) -> bytes:
        """Return the model. Raises InvalidVoiceFile if it changed since installation."""
        return self._verified(f"{record.name}.onnx", record.sha256)

    def config(self, record: VoiceRecord) -> Mapping[str, Any]:
        """Return the settings. Raises InvalidVoiceFile if they changed since installation."""
        return as_config(self._verified(f"{record.name}.onnx.json", record.config_sha256), record.name)

    def add(
        self, model: Path, config: Path, *, licence: str = "", gender: str = "neutral", overwrite: bool = False
    ) -> VoiceRecord:
        """Copy a model and its settings; the voice has the name of the model's file.

        Raises InvalidVoiceFile, InvalidOption, or OutputExists if the name is taken.
        """
        name = model.name.removesuffix(".onnx")
        if not _NAME.fullmatch(name) or gender not in GENDERS:
            raise InvalidOption(
                f"Invalid voice name {name!r} or gender {gender!r}. Name the file with letters, digits, . _ and -, and "
                f"use one of {', '.join(GENDERS)}."
            )
        if not overwrite and any(record.name.lower() == name.lower() for record in self.records()):
            raise OutputExists(f"A voice {name!r} already exists. Remove it first, or allow overwriting.")
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
                f"The voice could not be copied to {self.folder} ({error.strerror}). Check the folder, or set "
                f"{FOLDER_VARIABLE} to another."
            ) from error
        return record

    def remove(self, name: str) -> VoiceRecord:
        """Delete a voice. Raises UnknownVoice."""
        record = self.record(name)
        for extension in (".voice.json", ".onnx", ".onnx.json"):
            (self.folder / f"{record.name}{extension}").unlink(missing_ok=True)
        return record

    def _verified(self, file: str, sha256: str) -> bytes:
        try:
            content = (self.folder / file).read_bytes()
        except OSError as error:
            raise InvalidVoiceFile(f"{file} cannot be read ({error.strerror}). Add the voice again.") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InvalidVoiceFile(
                f"The file {file} is not the one that was added: its SHA-256 differs. Remove the voice, and add it "
                "again from a source that you trust."
            )
        return content

    def _copy(self, source: Path, file: str) -> str:
        content = read_limited(source)
        self._write(file, content)
        return hashlib.sha256(content).hexdigest()

    def _write(self, file: str, content: bytes) -> None:
        temporary = self.folder / f".{uuid.uuid4().hex}.part"
        try:
            temporary.write_bytes(content)
            shutil.move(temporary, self.folder / file)
        finally:
            temporary.unlink(missing_ok=True)


def read_limited(path: Path) -> bytes:
    """Read a file. Raises InvalidVoiceFile if it is unreadable or too large for a voice."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidVoiceFile(f"{path} is too large for a voice: more than {MAX_BYTES // 1_000_000} MB.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidVoiceFile(
            f"{path} cannot be read ({error.strerror}). A Piper voice is two files, NAME.onnx and NAME.onnx.json."
        ) from error


def as_config(content: bytes, name: str) -> Mapping[str, Any]:
    """Parse a voice's settings. Raises InvalidVoiceFile if they are not a JSON object."""
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidVoiceFile(f"The settings of the voice {name!r} are not valid JSON ({error}).") from error
    if not isinstance(config, dict):
        raise InvalidVoiceFile(f"The settings of the voice {name!r} are not a JSON object.")
    return config


def _read_record(path: Path) -> VoiceRecord | None:
    try:
        return VoiceRecord(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
