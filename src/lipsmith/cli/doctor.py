"""Command `lipsmith doctor`: try every part of the installation, and print the command that repairs it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from lipsmith.errors import MissingDependency

PIP = f"{sys.executable} -m pip install"
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""Versions for which wheels of all libraries exist."""
NEEDED_BYTES = 500_000_000
"""Space for about an hour of 720p video and the compiled kernels."""

CV2_WHEELS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Distributions of the package `cv2`. The last one installed overwrites the others."""
CV2 = "'opencv-python-headless>=4.11,<5'"

SYSTEM_LIBRARIES: Mapping[str, str] = {
    "libstdc++.so.6": "libstdc++6",
}
"""Library that may be missing on a minimal system, and its Debian and Ubuntu package."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of one check."""

    name: str
    ok: bool
    optional: bool
    """Whether lipsmith works without this part."""
    detail: str
    """Version or number; after a failure, the reason."""
    cure: str
    """Command or step that repairs the part; empty after success."""


class Fault(Exception):
    """Failed check, and its repair."""

    def __init__(self, detail: str, cure: str) -> None:
        super().__init__(detail)
        self.detail, self.cure = detail, cure


def check_python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] not in PYTHONS:
        raise Fault(f"Python {version}; lipsmith runs on 3.11 to 3.14", "Install Python 3.13 and use it.")
    return version


def check_images() -> str:
    from PIL import features

    lacking = [name for name, part in _IMAGE_PARTS.items() if not features.check(part)]
    if lacking:
        raise Fault(f"Pillow {_version('pillow')} cannot read {', '.join(lacking)}", f"{PIP} --force-reinstall pillow")
    return f"Pillow {_version('pillow')}"


_IMAGE_PARTS = {"JPEG": "jpg", "PNG": "zlib", "WebP": "webp", "AVIF": "avif", "JPEG 2000": "jpg_2000"}


def check_video() -> str:
    """Write a tiny video with audio, and read it back."""
    import av
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "tiny.mp4")
        with av.open(path, "w") as film:
            image, audio = film.add_stream("libx264", rate=25), film.add_stream("aac", rate=48000)
            image.width, image.height, image.pix_fmt = 64, 64, "yuv420p"
            film.mux(image.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            quiet.sample_rate = 48000
            film.mux(audio.encode(quiet))
            for stream in (image, audio):
                film.mux(stream.encode(None))
        with av.open(path) as film:
            if sum(1 for _ in film.decode(video=0)) != 1:
                raise Fault("a video was written and could not be read back", f"{PIP} --force-reinstall 'av>=18,<20'")
    return f"PyAV {av.__version__}, H.264 and AAC"


def check_pixels() -> str:
    installed = [name for name in CV2_WHEELS if _version(name)]
    import cv2

    if len(installed) > 1:
        raise Fault(
            f"{' and '.join(installed)} overwrite each other",
            f"{sys.executable} -m pip uninstall -y {' '.join(installed)} && {PIP} --no-deps {CV2}",
        )
    return f"OpenCV {cv2.__version__}"


def check_kernels() -> str:
    """Compile a function, and check that the result is cached: without a cache every start takes seconds longer."""
    import numba

    try:
        added = numba.njit(cache=True)(_add)
        added(1, 2)
    except (RuntimeError, OSError) as error:
        raise Fault(
            f"compiled code cannot be cached ({error})",
            "Choose a writable folder: export NUMBA_CACHE_DIR=/tmp/numba",
        ) from error
    return f"numba {numba.__version__}, cache in {added.stats.cache_path}"


def _add(a: int, b: int) -> int:
    return a + b


def check_faces() -> str:
    """Run each face network on an image without a face."""
    import numpy as np

    from lipsmith.engines import face_networks

    face_networks.triangles()
    grey = np.full((256, 256, 3), 127, np.uint8)
    for detector in (face_networks.FULL_RANGE, face_networks.SHORT_RANGE):
        detector.find(grey, min_score=0.5)
    face_networks.mesh_in(grey, face_networks.Region(x=128.0, y=128.0, side=256.0, angle=0.0))
    face_networks.matte(grey)
    return f"onnxruntime {_version('onnxruntime')}, 4 models"


def check_engines() -> str:
    from lipsmith.engines import registry

    registry.create("speech_reader")
    registry.create("photo_animator")
    registry.create("lip_syncer")
    return ", ".join(f"{role}: {' '.join(registry.names(role))}" for role in registry.BUILT_IN)


def check_temporary_files() -> str:
    folder = tempfile.gettempdir()
    with tempfile.TemporaryFile() as file:
        file.write(b"lipsmith")
    return f"{folder}, {_free(folder)}"


def check_this_folder() -> str:
    folder = os.getcwd()
    if not os.access(folder, os.W_OK):
        raise Fault(f"{folder} is not writable", "Change to a writable folder, or use -o to write elsewhere.")
    return f"{folder}, {_free(folder)}"


def check_voice() -> str:
    from lipsmith.engines import registry

    return f"espeak-ng, {len(registry.create('voice').voices())} voices"


def check_added_voices() -> str:
    import onnxruntime

    from lipsmith.synthesis.piper import PiperVoice
    from lipsmith.synthesis.voice_store import voices_folder

    count = len(PiperVoice().voices())
    return f"onnxruntime {onnxruntime.__version__}, {count} voices in {voices_folder()}"


def check_align() -> str:
    from pocketsphinx import Decoder

    Decoder(lm=None, loglevel="FATAL")
    return f"pocketsphinx {_version('pocketsphinx')}"


def check_heic() -> str:
    import pillow_heif

    return f"pillow-heif {pillow_heif.__version__}"


def check_sandbox() -> str:
    """Start a process in the sandbox of the server's child processes, and test the sandbox.

    Only guards that ``LIPSMITH_SANDBOX`` requires may be missing.
    """
    from lipsmith.service.processes import sandbox

    level = os.environ.get("LIPSMITH_SANDBOX", "full")
    if level not in get_args(sandbox.SandboxLevel):
        raise Fault(f"LIPSMITH_SANDBOX is {level!r}", "Set it to full, network or off.")
    guards = sandbox.probe_guards()
    if missing := guards.missing_for(cast(sandbox.SandboxLevel, level)):
        raise Fault(str(guards), " ".join(missing))
    return str(guards) if level == "full" else f"{guards}; required: {level}"


def check_demo() -> str:
    from lipsmith.cli.talk import demo_portrait

    return demo_portrait().name


AGAIN = f"{PIP} --force-reinstall"
REQUIRED: Mapping[str, tuple[Callable[[], str], str]] = {
    "Python": (check_python, "Install Python 3.13."),
    "images": (check_images, f"{AGAIN} 'pillow>=11.3'"),
    "video and audio": (check_video, f"{AGAIN} 'av>=18,<20'"),
    "pixels": (check_pixels, f"{AGAIN} {CV2}"),
    "compiled kernels": (check_kernels, f"{AGAIN} 'numba>=0.61' 'numpy>=2'"),
    "faces": (check_faces, f"{AGAIN} 'onnxruntime>=1.20' 'numpy>=2'"),
    "engines": (check_engines, "Reinstall lipsmith: a part of it is missing."),
    "temporary files": (check_temporary_files, "Choose a writable folder: export TMPDIR=$HOME/tmp"),
    "this folder": (check_this_folder, "Change to a writable folder, or use -o to write elsewhere."),
}
"""Required parts: the check, and the repair where the failure itself names none."""
OPTIONAL: Mapping[str, tuple[Callable[[], str], str]] = {
    "text to speech": (check_voice, f"{PIP} 'espeakng-loader>=0.2.4'"),
    "added voices": (check_added_voices, f"{PIP} 'onnxruntime>=1.20'"),
    "text of a recording": (check_align, f"{PIP} 'pocketsphinx>=5.0.4'"),
    "HEIC images": (check_heic, f"{PIP} 'pillow-heif>=0.22'"),
    "sandbox of the server": (check_sandbox, "Run the server on Linux, in a container."),
    "demo portrait": (check_demo, f"{PIP} 'scikit-image>=0.24'"),
}


def examine() -> Iterator[Finding]:
    """Check one part after the other."""
    for name, (check, cure) in REQUIRED.items():
        yield _finding(name, check, optional=False, cure=cure)
    serves = find_spec("fastapi") is not None
    for name, (check, cure) in OPTIONAL.items():
        yield _finding(name, check, optional=not (serves and check is check_sandbox), cure=cure)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check everything that lipsmith needs, and print how to repair it."""
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:  # at once: should a native library bring the process down, one sees which
            typer.echo(_line(finding))
    healthy = all(finding.ok or finding.optional for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": healthy, "findings": [asdict(f) for f in findings]}))
    else:
        typer.echo(
            "Everything works."
            if healthy
            else "A required part does not work. The lines marked with x show the repair."
        )
    raise typer.Exit(0 if healthy else 1)


def _finding(name: str, check: Callable[[], str], *, optional: bool, cure: str) -> Finding:
    try:
        return Finding(name=name, ok=True, optional=optional, detail=check(), cure="")
    except Fault as fault:
        detail, cure = fault.detail, fault.cure
    except (ImportError, MissingDependency) as error:
        detail, cure = str(error), _cure_of_import(error) or cure
    except Exception as error:  # whatever a broken installation raises is a finding, not an accident
        detail = f"{type(error).__name__}: {error}"
    return Finding(name=name, ok=False, optional=optional, detail=" ".join(detail.split()), cure=cure)


def _cure_of_import(error: BaseException) -> str | None:
    """Command that installs a missing system library or package."""
    for library, package in SYSTEM_LIBRARIES.items():
        if library in str(error):
            return f"apt-get install -y {package}"
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return f"{PIP} '{_PACKAGES[missing]}'" if missing in _PACKAGES else None


_PACKAGES = {
    "PIL": "pillow>=11.3",
    "av": "av>=18,<20",
    "cv2": "opencv-python-headless>=4.11,<5",
    "onnxruntime": "onnxruntime>=1.20",
    "numba": "numba>=0.61",
    "numpy": "numpy>=2",
    "pillow_heif": "pillow-heif>=0.22",
}
"""Requirement to install for each module that may be missing."""


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _free(folder: str) -> str:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise Fault(f"only {free / 1e6:.0f} MB are free in {folder}", "Free at least 500 MB.")
    return f"{free / 1e9:.0f} GB free"


def _line(finding: Finding) -> str:
    mark = "ok" if finding.ok else "--" if finding.optional else "x "
    cure = f"\n     cure: {finding.cure}" if finding.cure else ""
    return f" {mark}  {finding.name}: {finding.detail}{cure}"
