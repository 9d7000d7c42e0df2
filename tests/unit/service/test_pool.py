"""Children have a folder of their own, are not believed, and share nothing but what was prepared for all."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lipsmith.service.errors import RenderingDied
from lipsmith.service.processes.messages import NOTHING, Answer, Task, TaskResult
from lipsmith.service.processes.pool import _RENDER, PREPARED, Child, ChildPool, Limits, result_file
from lipsmith.storage.errors import StorageFailed
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE, VoiceStore
from servers import compile_loops

TASK = Task(kind="voice", inputs={}, out="", options={})
LIMITS = Limits(memory_mb=4096, cpu_s=120, file_mb=100)
SPEAKS = "import sys; sys.stdin.readline(); print({text!r}.replace('many', 'a' * 2_000_000), flush=True)"
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def said(folder: Path, text: str) -> list[Answer]:
    """Answers understood from a child that writes this line."""
    child = Child(LIMITS, {}, folder / "child", program=("-c", SPEAKS.format(text=text)))
    child.send(TASK)
    answers = [answer for answer in child.answers(every_s=0.5) if answer is not NOTHING]
    child.kill()
    return answers


def test_an_answer_is_heard(tmp_path: Path) -> None:
    assert said(tmp_path, '{"result": {"files": ["video.mp4"]}}') == [Answer(result=TaskResult(files=("video.mp4",)))]


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "7",
        "{}",
        "[" * 100_000,
        '{"result": {}}',
        '{"result": {"files": "video.mp4"}}',
        '{"result": {"files": [7]}}',
        '{"result": {"files": []}, "error": {}}',
        '{"error": {"code": 7, "message": ""}}',
        '{"progress": {"stage": "video", "done": "1", "total": 2, "left_s": null}}',
        '{"unheard": {"of": 1}}',
        '{"result": {"files": [], "unheard": 1}}',
        '{"result": {"files": [], "frames": -1}}',
        '{"result": {"files": [], "fps": Infinity}}',
        '{"result": {"files": [], "width": true}}',
        '{"result": {"files": [], "warnings": "none"}}',
        '{"progress": {"stage": "video", "done": 1, "total": 2, "left_s": NaN}}',
        '{"guards": {"network": "none", "calls": 1, "files": 0, "processes": false}}',
        '{"result": {"files": ["many"]}}',
    ],
)
def test_what_makes_no_sense_is_no_answer(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text) == []


REPLACES = """
import os, sys
sys.stdin.readline()
os.rename("job", "moved")
{then}
print('{{"result": {{"files": ["video.mp4"]}}}}', flush=True)
"""


@pytest.mark.parametrize("then", ["os.symlink({other!r}, 'job')", "os.mkdir('job')", "pass"])
def test_a_folder_that_is_not_the_one_that_was_lent_never_comes_back(tmp_path: Path, then: str) -> None:
    """Without any guard, a child puts another job's folder in the place of its own."""
    job, other = tmp_path / "job-1", tmp_path / "job-2"
    for folder in (job, other):
        (folder / "out").mkdir(parents=True)
    (other / "out" / "video.mp4").write_text("another account's video")
    program = REPLACES.format(then=then.format(other=str(other)))
    child = Child(LIMITS, {}, tmp_path / "child", program=("-c", program))
    with child.holding(job) as inside:
        child.send(TASK)
        assert [answer for answer in child.answers(every_s=0.5) if answer.result]
        assert not (inside / "out" / "video.mp4").exists() or inside.is_symlink()
    assert not job.exists()
    assert (other / "out" / "video.mp4").read_text() == "another account's video"
    with pytest.raises(RenderingDied):
        result_file(job / "out", "video.mp4")


def test_a_child_with_too_few_guards_is_ended(tmp_path: Path) -> None:
    few = '{"guards": {"network": "seccomp", "calls": true, "files": 0, "processes": false}}'
    program = ("-c", f"import sys, time; print({few!r}, flush=True); time.sleep(60)")
    child = Child(LIMITS, {}, tmp_path / "full", program=program, level="full")
    assert [*child.answers(every_s=5)] == []
    assert not child.is_alive or child._process.wait(5) < 0
    child.kill()
    child = Child(LIMITS, {}, tmp_path / "network", program=program, level="network")
    assert next(child.answers(every_s=1)) is NOTHING
    assert child.is_alive
    child.kill()


def test_the_files_of_a_child_are_measured(tmp_path: Path) -> None:
    child = Child(LIMITS, {}, tmp_path / "child", program=("-c", "import sys; sys.stdin.readline()"))
    before = child.used_bytes
    (child.folder / "scratch" / "large").write_bytes(bytes(3_000_000))
    (child.folder / "scratch" / "link").symlink_to("/usr")
    assert 2_900_000 < child.used_bytes - before < 3_200_000
    assert child.max_bytes == 3 * LIMITS.file_mb * 1024 * 1024
    child.kill()


def test_files_are_lent_and_come_back(tmp_path: Path) -> None:
    job = tmp_path / "job-1"
    job.mkdir()
    (job / "input").write_text("input")
    child = Child(LIMITS, {}, tmp_path / "child", program=("-c", SPEAKS.format(text="")))
    with child.holding(job) as inside:
        assert not job.exists()
        assert (inside / "input").read_text() == "input"
        assert inside.is_relative_to(child.folder)
    assert (job / "input").read_text() == "input"
    assert not child.is_alive
    assert not child.folder.exists()


def test_results_are_files_of_the_childs_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "video.mp4").write_bytes(b"video")
    assert result_file(out, "video.mp4").read_bytes() == b"video"


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "", ".", "..", "link", "twin", "missing", "folder", "a/b"]
)
def test_a_child_cannot_name_what_only_the_server_can_read(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    (out / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (out / "link").symlink_to(tmp_path / "secret")
    (out / "twin").hardlink_to(tmp_path / "secret")
    with pytest.raises(RenderingDied):
        result_file(out, name)


def test_a_folder_of_results_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "video.mp4").write_bytes(b"secret")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    with pytest.raises(RenderingDied):
        result_file(tmp_path / "out", "video.mp4")


def test_what_is_prepared_belongs_to_the_modules_it_was_made_from() -> None:
    assert (_RENDER / "warp.py").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("anew", [False, pytest.param(True, marks=pytest.mark.release)])
def test_what_was_prepared_is_all_that_jobs_compile(tmp_path: Path, anew: bool) -> None:
    """And each child has a copy: what one writes there, no other runs."""
    if anew:
        pool = ChildPool(LIMITS, ENVIRONMENT, tmp_path / "work")
        pool.prepare()
    else:
        compile_loops()
        pool = ChildPool(LIMITS, ENVIRONMENT | {"HOME": os.environ["HOME"]}, tmp_path / "work")
    prepared = pool._prepared
    compiled = {path.name: path.read_bytes() for path in prepared.rglob("*.nbc")}
    assert len(compiled) > 15
    child = pool.take()
    child.send(replace(TASK, kind="warm_up", out=str(child.folder)))
    answers = [answer for answer in child.answers(every_s=1.0) if answer is not NOTHING]
    assert answers == [Answer(result=TaskResult(files=()))]
    own = {path.name: path for path in (child.folder / PREPARED).rglob("*.nbc")}
    assert {name: path.read_bytes() for name, path in own.items()} == compiled
    next(iter(own.values())).write_bytes(b"planted")
    child.kill()
    other = pool.take()
    assert {path.name: path.read_bytes() for path in (other.folder / PREPARED).rglob("*.nbc")} == compiled
    other.kill()


def test_what_old_releases_prepared_goes(tmp_path: Path) -> None:
    for name, age_s in (("prepared-old", 40 * 86_400), ("prepared-new", 86_400)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    made = tmp_path / "made"
    made.mkdir()
    pool = ChildPool(LIMITS, {}, tmp_path / "work")
    pool._keep(made)
    assert not (tmp_path / "prepared-old").exists()
    assert (tmp_path / "prepared-new").exists()


@pytest.mark.slow
def test_a_voice_that_was_added_speaks_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="it runs added voices: pip install 'lipsmith[piper]'")
    from piper_voices import make_voice

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "voices"))
    model = make_voice(tmp_path)
    VoiceStore(tmp_path / "voices").add(model, model.with_name(f"{model.name}.json"))
    child = Child(replace(LIMITS, memory_mb=8192), ENVIRONMENT, tmp_path / "child")
    job = tmp_path / "job"
    (job / "out").mkdir(parents=True)
    with child.holding(job) as inside:
        options = {"text": "Good morning.", "voice": f"piper:{model.stem}", "rate": 1.0}
        child.send(replace(TASK, out=str(inside / "out"), options=options))
        last = [answer for answer in child.answers(every_s=0.5) if answer is not NOTHING][-1]
    assert last.result is not None, last
    assert last.result.files == ("voice.mp3",)
    assert (job / "out" / "voice.mp3").stat().st_size > 1000


def test_a_full_disk_leaves_no_child_and_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ChildPool(LIMITS, ENVIRONMENT, tmp_path / "work", program=("-c", SPEAKS.format(text="")))

    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(subprocess, "Popen", full)
    pool.warm()
    with pytest.raises(StorageFailed):
        pool.take()
    assert list((tmp_path / "work").iterdir()) == []
    monkeypatch.undo()
    pool.warm()
    child = pool.take()
    assert child.is_alive
    child.kill()
    pool.close()
