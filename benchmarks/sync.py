"""Agreement of lips and speech: with measured lips, with known phones, in noise, and in silence."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.ndimage import maximum_filter1d

from benchmarks.bars import INF, Bar
from lipsmith.engines import registry
from lipsmith.engines.contract import SpeechReader
from lipsmith.engines.net_reader import NetReader
from lipsmith.media.clip import F32, Audio
from lipsmith.media.decode import MemoryAudio, open_audio
from lipsmith.motion.mouth import mouth_channels
from lipsmith.speech.features import measure
from lipsmith.speech.net import run_nets
from lipsmith.speech.personal import Footage, learn_personal_style
from lipsmith.speech.visemes import VISEMES, Speech, viseme_rows

RATE_HZ = 16000
GRID_HZ = 100
OUTER_EYES_IOD = 1.44
"""The measured lips are in distances between the outer corners of the eyes."""
STUDIO_LEAD_S = 0.02
"""The studio recordings give times at the centre of a frame, all others at its start."""
NEAR_S = 0.06
TRULY_SHUT = 0.02
MAX_CLOSURE_S = 0.4
OPEN_IOD = 0.02

# The middle of p, b and m in the studio recordings, seconds, by forced alignment with pocketsphinx.
LABIALS_S: Mapping[str, Sequence[float]] = {
    "bbaf2n": (0.955, 1.21), "brbk7n": (0.49, 0.97), "lbax4n": (0.745,), "lbbc2a": (0.71, 0.97), "lrwp9a": (1.315,),
    "lwbsza": (1.14,), "pwij3p": (0.485, 1.73), "sbia1a": (0.835,), "sbwe5n": (0.76,), "swwp2s": (1.305,),
}  # fmt: skip
LONG_S, MAX_RECORDINGS = 24.0, 4
"""Length of a recording from whose first half a style is learnt, and number of recordings of each speaker."""
SENTENCE = "Papa bought my baby a big map, a pipe and a top."
"""Twelve times p, b and m, after the vowels that open widest."""

BARS = (
    Bar("grid_r", 0.78, INF, "r with true aperture, studio speakers left out of the fit, mean over speakers"),
    Bar("wild_r", 0.52, INF, "the same on clips from the wild, which no fit has seen"),
    Bar("grid_lag_ms", -20, 20, "best lag, studio speakers"),
    Bar("wild_lag_ms", -20, 20, "best lag, clips from the wild"),
    Bar("grid_width_r", 0.60, INF, "r with true width, studio speakers left out"),
    Bar("wild_width_r", 0.40, INF, "the same on clips from the wild"),
    Bar("grid_amplitude", 0.8, 1.25, "spread of the opening over that of true lips, mean over speakers"),
    Bar("wild_amplitude", 0.8, 1.25, "the same on clips from the wild"),
    Bar("style_gain", 0.05, INF, "r that a personal style adds, learnt on one half of a recording, on the other"),
    Bar("style_amplitude", 0.8, 1.25, "spread of the opening in a personal style over that of true lips"),
    Bar("closure_recall", 0.75, INF, "true closures found within 60 ms, studio recordings, speakers left out"),
    Bar("closure_precision", 0.70, INF, "closures made where lips are shut within 60 ms (a random moment: .49)"),
    Bar("labials_hit", 0.91, INF, "share of 14 p, b and m in them that are shut within 60 ms"),
    Bar("accuracy_voices", 0.80, INF, "frames with the right viseme: unseen voices of seen synthesizers"),
    Bar("accuracy_family", 0.75, INF, "the same, an unseen kind of synthesizer"),
    Bar("accuracy_languages", 0.77, INF, "the same, four unseen languages"),
    Bar("accuracy_music", 0.70, INF, "unseen voices, music 10 dB below"),
    Bar("accuracy_noise", 0.60, INF, "unseen voices, white noise 10 dB below"),
    Bar("open_in_noise", 0.0, 0.02, "frames with an open mouth: silence, noise, hum, music; the worst of them"),
    Bar("formats_r", 0.98, INF, "the same speech in seven formats, the least like the first"),
    Bar("formats_lag_ms", -20, 20, "its largest shift"),
    Bar("text_closures", 1.0, 1.0, "text route: share of 12 p, b and m shut within 60 ms"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Recording with measured lips."""

    name: str
    speaker: str
    audio: Path
    time_s: np.ndarray
    aperture: np.ndarray
    width: np.ndarray


def truths(folder: Path, lead_s: float = 0.0) -> list[Truth]:
    """Return all recordings of one folder; ``lead_s`` is subtracted from their times."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        table = np.genfromtxt(path, delimiter=",", names=True)
        audio = next(p for p in sorted(folder.glob(path.stem + ".*")) if p.suffix != ".csv")
        found.append(Truth(
            name=path.stem, speaker=path.stem.split("_")[0], audio=audio, time_s=table["time_s"] - lead_s,
            aperture=table["aperture"] * OUTER_EYES_IOD, width=table["width"] * OUTER_EYES_IOD,
        ))  # fmt: skip
    return found


def curves(speech: Speech, fps: int = GRID_HZ) -> Mapping[str, np.ndarray]:
    """Return the mouth's channels as the renderer gets them."""
    return mouth_channels(speech, fps=Fraction(fps), frames=max(1, int(speech.duration_s * fps)))


def likeness(reader: Callable[[Truth], SpeechReader], clips: Sequence[Truth]) -> dict[str, float]:
    """Return r, best lag and spread, mean over the speakers, each speaker's clips weighted by length."""
    lags_s = np.arange(-0.1, 0.101, 0.01)
    rows: dict[str, list[tuple[float, np.ndarray, float, float, float]]] = {}
    for clip in clips:
        ours = curves(reader(clip).read(open_audio(clip.audio)))
        time_s = np.arange(len(ours["aperture"])) / GRID_HZ
        by_lag = np.array([_r(np.interp(clip.time_s + lag, time_s, ours["aperture"]), clip.aperture) for lag in lags_s])
        aperture, width = (np.interp(clip.time_s, time_s, ours[name]) for name in ("aperture", "width"))
        values = (_r(width, clip.width), aperture.std() / clip.aperture.std(), width.std() / clip.width.std())
        rows.setdefault(clip.speaker, []).append((len(clip.time_s), by_lag, *values))
    speakers = []
    for mine in rows.values():
        weights = np.array([row[0] for row in mine], float)
        table = np.array([np.concatenate([row[1], row[2:]]) for row in mine])
        speakers.append(weights @ table / weights.sum())
    mean = np.mean(speakers, axis=0)
    return {
        "r": float(mean[len(lags_s) // 2]), "lag_ms": float(round(lags_s[np.argmax(mean[: len(lags_s)])] * 1000)),
        "width_r": float(mean[-3]), "amplitude": float(mean[-2]), "width_amplitude": float(mean[-1]),
    }  # fmt: skip


def closures(reader: Callable[[Truth], SpeechReader], clips: Sequence[Truth]) -> dict[str, float]:
    """Return recall and precision of shut lips within 60 ms, and the share of p, b and m that are shut."""
    found, true, right, made, hit, labials = 0, 0, 0, 0, 0, 0
    near = 2 * round(NEAR_S * GRID_HZ) + 1
    for clip in clips:
        ours = curves(reader(clip).read(open_audio(clip.audio)))["aperture"]
        truth = np.interp(np.arange(len(ours)) / GRID_HZ, clip.time_s, clip.aperture) / OUTER_EYES_IOD <= TRULY_SHUT
        shut = ours < 0.25 * np.percentile(ours, 95)
        truth_near, shut_near = (maximum_filter1d(mask.astype(np.uint8), near) > 0 for mask in (truth, shut))
        for start, end in _short_runs(truth):
            true += 1
            found += bool(shut_near[start:end].any())
        for start, end in _short_runs(shut):
            made += 1
            right += bool(truth_near[start:end].any())
        for middle_s in LABIALS_S.get(clip.name, ()):
            labials += 1
            hit += bool(shut_near[round(middle_s * GRID_HZ)])
    return {"closure_recall": found / true, "closure_precision": right / max(made, 1), "labials_hit": hit / labials}


def accuracies() -> tuple[dict[str, float], list[str]]:
    """Return the share of 20 ms rows with the right viseme, for speech with known phones, and notes on missing data."""
    from training import noises, voices
    from training.voices import Utterance

    rng = np.random.default_rng(3)
    sets: dict[str, list[Utterance]] = {"voices": [], "family": [], "languages": []}
    missing = []
    sets["voices"] += voices.espeak_utterances(40, 900, unseen="voice")
    sets["languages"] += voices.espeak_utterances(60, 901, unseen="language")
    if shutil.which("flite"):
        sets["voices"] += voices.flite_utterances("awb", 40, 902)
    else:
        missing.append("flite is not installed: accuracy_voices is that of espeak-ng's unseen variants alone")
    if shutil.which("festival"):
        for name in ("cmu_us_slt_arctic_hts", "upc_ca_ona_hts"):
            sets["family"] += voices.festival_utterances(name, 30, 903)
    if not sets["family"]:
        missing.append("festival and its HTS voices are not installed: no accuracy_family")
    got = {f"accuracy_{name}": _accuracy(said, None) for name, said in sets.items() if said}
    for voice in sorted({u.voice for u in sets["voices"] if u.family != "espeak"} | {u.voice for u in sets["family"]}):
        got[f"accuracy of {voice}"] = _accuracy([u for s in sets.values() for u in s if u.voice == voice], None)
    espeak = [u for u in sets["voices"] if u.family == "espeak"]
    got["accuracy of espeak's unseen variants"] = _accuracy(espeak, None)
    got["accuracy_music"] = _accuracy(sets["voices"], lambda n: np.resize(noises._music(rng), n))
    got["accuracy_noise"] = _accuracy(sets["voices"], lambda n: rng.standard_normal(n))
    return got, missing


def _accuracy(said: Sequence[object], noise: Callable[[int], np.ndarray] | None, below_db: float = 10.0) -> float:
    right, count = 0, 0
    for utterance in said:
        audio: Audio = MemoryAudio(utterance.samples[np.newaxis], utterance.rate_hz)  # type: ignore[attr-defined]
        samples = np.concatenate([block[0] for block in audio.blocks(RATE_HZ, 1)])
        if noise is not None:
            other = noise(len(samples))
            other = other / np.sqrt(np.mean(other**2)) * np.sqrt(np.mean(samples**2)) * 10 ** (-below_db / 20)
            samples = (samples + other).astype(np.float32)
        audio = MemoryAudio(samples[np.newaxis], RATE_HZ)
        rows = viseme_rows(utterance.phones, audio.duration_s)  # type: ignore[attr-defined]
        recognized = run_nets(measure(audio).mel).visemes[: len(rows)]
        right += int((recognized.argmax(1) == rows[: len(recognized)].argmax(1)).sum())
        count += len(recognized)
    return right / count


def nobody_speaks(seconds: float = 8.0) -> Iterator[tuple[str, F32]]:
    """Measure silence, noise, hum and music."""
    from training import noises

    count, rng = round(seconds * RATE_HZ), np.random.default_rng(21)
    white = rng.standard_normal(count)
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(count // 2 + 1), 1.0))
    pink = np.fft.irfft(spectrum, count)
    time_s = np.arange(count) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * 50 * h * time_s) / h for h in (1, 2, 3, 5)) + 0.003 * white
    yield "silence", np.zeros(count, np.float32)
    for name, wave in (("white noise", white), ("pink noise", pink), ("hum", hum)):
        for level_db in (-60, -30):
            yield f"{name} {level_db} dB", (10 ** (level_db / 20) * wave / wave.std()).astype(np.float32)
    for k in range(6):
        music = np.resize(noises._music(np.random.default_rng(4000 + k)), count)
        yield f"music {k + 1}", (0.1 * music / music.std()).astype(np.float32)


def open_in_noise(reader: SpeechReader, folder: Path | None) -> dict[str, float]:
    """Return the share of frames with an open mouth for each noise, with recorded ones if they exist."""
    shares = {
        name: float((curves(reader.read(MemoryAudio(s[np.newaxis], RATE_HZ)), 25)["aperture"] > OPEN_IOD).mean())
        for name, s in nobody_speaks()
    }
    for name in ("music_only_6s.wav", "noise_only_3s.wav"):
        if folder is not None and (path := folder / "media" / "audio" / name).is_file():
            shares[name] = float((curves(reader.read(open_audio(path)), 25)["aperture"] > OPEN_IOD).mean())
    return shares


FORMATS = (
    ("wav", "pcm_s16le", 44100), ("mp3", "libmp3lame", 44100), ("m4a", "aac", 44100), ("ogg", "libopus", 24000),
    ("flac", "flac", 48000), ("webm", "libopus", 48000), ("aac", "aac", 44100),
)  # fmt: skip


def formats(reader: SpeechReader) -> dict[str, float]:
    """Measure one sentence in seven formats against the original audio."""
    said = registry.create("voice").speak(f"{SENTENCE} {SENTENCE}", voice="en-us+f3", rate=1.0).audio
    samples = np.concatenate([block[0] for block in said.blocks(RATE_HZ, 1)])
    ours = curves(reader.read(MemoryAudio(samples[np.newaxis], RATE_HZ)))["aperture"]
    worst_r, worst_lag = 1.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for suffix, codec, rate_hz in FORMATS:
            path = Path(folder, f"said.{suffix}")
            _encode(path, codec, rate_hz, samples)
            theirs = curves(reader.read(open_audio(path)))["aperture"]
            count = min(len(ours), len(theirs)) - 20
            by_lag = [_r(ours[10 : count - 10], theirs[10 + lag : count - 10 + lag]) for lag in range(-10, 11)]
            lag = int(np.argmax(by_lag)) - 10
            worst_lag = lag if abs(lag) > abs(worst_lag) else worst_lag
            worst_r = min(worst_r, max(by_lag))
    return {"formats_r": worst_r, "formats_lag_ms": worst_lag * 10.0}


def _encode(path: Path, codec: str, rate_hz: int, samples: F32) -> None:
    with av.open(str(path), "w", format="adts" if path.suffix == ".aac" else None) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate_hz, frame_size=stream.frame_size)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))


def text_closures(reader: SpeechReader) -> dict[str, float]:
    """Return the share of the sentence's p, b and m that are shut in a frame, from its text and from its audio."""
    spoken = registry.create("voice").speak(SENTENCE, voice="en-us", rate=1.0)
    labial = spoken.speech.visemes[:, VISEMES.index("PP")] > 0.5
    runs = [(a, b) for a, b in _runs(labial)]
    samples = np.concatenate([block[0] for block in spoken.audio.blocks(RATE_HZ, 1)])
    recognized = reader.read(MemoryAudio(samples[np.newaxis], RATE_HZ))
    shares = {}
    for name, speech in (("text_closures", spoken.speech), ("closures of the text by its sound", recognized)):
        shut_s = np.flatnonzero(curves(speech, 25)["aperture"] <= OPEN_IOD) / 25
        hits = [any(a * 0.02 - NEAR_S <= t + 0.02 <= b * 0.02 + NEAR_S for t in shut_s) for a, b in runs]
        shares[name] = float(np.mean(hits))
    return shares


def run(shared: Path | None, heads: Path, engine: str, *, write: bool) -> int:
    """Print every bar with its result, and keep it in ``results/sync.json``."""
    reader = registry.create("speech_reader", engine)
    got: dict[str, float] = {}
    notes: list[str] = []
    if shared is not None and (shared / "speech-truth").is_dir():
        from training.lips import left_out_head

        truth = shared / "speech-truth"

        def left_out(clip: Truth) -> SpeechReader:
            if engine != "net" or clip.speaker == "wild":
                return reader
            return NetReader(heads / left_out_head(clip.name))

        wild = truths(truth / "wild")
        got |= {f"wild_{name}": value for name, value in likeness(lambda _: reader, wild).items()}
        alike = likeness(lambda _: reader, [replace(clip, speaker=clip.name) for clip in wild])
        got |= {"wild_amplitude": alike["amplitude"], "wild_r, each clip alike": alike["r"]}
        if engine != "net" or (heads / "lip_head.without-s2.npz").is_file():
            got |= {f"grid_{name}": value for name, value in likeness(left_out, truths(truth / "grid")).items()}
            got |= closures(left_out, truths(truth, STUDIO_LEAD_S))
            if engine == "net":
                long_wild = [[clip] for clip in wild if np.ptp(clip.time_s) >= LONG_S]
                got |= in_own_style(left_out, [*joined(truths(truth / "grid")), *long_wild])
        else:
            notes.append("no heads without single speakers (training/run makes them): nothing on studio speakers")
    else:
        notes.append("the recordings with true lip motion are not here: nothing on people")
    try:
        if engine == "net":
            known, missing = accuracies()
            got |= known
            notes += missing
        got |= formats(reader) | text_closures(reader)
    except ImportError as error:
        notes.append(f"{error}: nothing on synthesized speech")
    shares = open_in_noise(reader, shared)
    got["open_in_noise"] = max(shares.values())
    got |= {f"open in {name}": value for name, value in shares.items()}
    lines = _table(got)
    others = [f"{name}: {value:.3g}" for name, value in got.items() if name not in {bar.name for bar in BARS}]
    print("\n".join([*lines, "", *others, "", *notes]))
    if write:
        folder = Path(__file__).parent
        result = {"engine": engine, "measures": {k: round(v, 4) for k, v in got.items()}, "notes": notes}
        (folder / "results" / "sync.json").write_text(json.dumps(result, indent=1) + "\n")
        _into_readme(folder / "README.md", [*lines, *([""] if notes else []), *(f"- {note}" for note in notes)])
    return 0 if all(bar.holds(got[bar.name]) for bar in BARS if bar.name in got) else 1


def in_own_style(reader: Callable[[Truth], SpeechReader], recordings: Sequence[Sequence[Truth]]) -> dict[str, float]:
    """Measure the gain of personal styles, each learnt on the first half of a recording and tested on its second half.

    A recording is one clip, split in the middle, or several of one speaker. Speakers have the same weight.
    """
    rows: dict[str, list[list[float]]] = {}
    for clips in recordings:
        middle = len(clips) // 2 if len(clips) > 1 else 0
        cut_s = float(clips[0].time_s[[0, -1]].mean()) if len(clips) == 1 else 0.0
        first = [_cut(clip, -INF, cut_s) for clip in clips] if cut_s else clips[:middle]
        second = [_cut(clip, cut_s, INF) for clip in clips] if cut_s else clips[middle:]
        general = reader(clips[0])
        assert isinstance(general, NetReader)
        learnt = learn_personal_style([_footage(general, clip) for clip in first], net=general.fingerprint)
        own = general.with_style(learnt.style)
        rows.setdefault(clips[0].speaker, []).append(_style_row(general, own, second))
    before, after, width_before, width_after, amplitude = np.mean([np.mean(r, axis=0) for r in rows.values()], axis=0)
    return {
        "style_gain": after - before, "style_amplitude": amplitude, "r before style": before, "r in own style": after,
        "width r before style": width_before, "width r in own style": width_after,
    }  # fmt: skip


def _style_row(general: SpeechReader, own: SpeechReader, clips: Sequence[Truth]) -> list[float]:
    truth = [np.concatenate([getattr(clip, name) for clip in clips]) for name in ("aperture", "width")]
    seen = []
    for reader in (general, own):
        both = []
        for clip in clips:
            ours = curves(reader.read(open_audio(clip.audio)))
            time_s = np.arange(len(ours["aperture"])) / GRID_HZ
            both.append([np.interp(clip.time_s, time_s, ours[name]) for name in ("aperture", "width")])
        seen.append([np.concatenate(curve) for curve in zip(*both, strict=True)])
    (aperture, width), (own_aperture, own_width) = seen
    rs = [_r(aperture, truth[0]), _r(own_aperture, truth[0]), _r(width, truth[1]), _r(own_width, truth[1])]
    return [*rs, float(own_aperture.std() / truth[0].std())]


def _footage(reader: NetReader, clip: Truth) -> Footage:
    reading = reader.reading(open_audio(clip.audio))
    return Footage(reading=reading, times_s=clip.time_s, aperture_iod=clip.aperture, width_iod=clip.width)


def _cut(clip: Truth, from_s: float, to_s: float) -> Truth:
    kept = (clip.time_s >= from_s) & (clip.time_s < to_s)
    return replace(clip, time_s=clip.time_s[kept], aperture=clip.aperture[kept], width=clip.width[kept])


def joined(clips: Sequence[Truth]) -> list[list[Truth]]:
    """Clips of one speaker one after the other, `LONG_S` and more; a few such recordings for each speaker."""
    by_speaker: dict[str, list[list[Truth]]] = {}
    for clip in clips:
        recordings = by_speaker.setdefault(clip.speaker, [[]])
        if _length_s(recordings[-1]) >= LONG_S:
            recordings.append([])
        recordings[-1].append(clip)
    return [r for recordings in by_speaker.values() for r in recordings[:MAX_RECORDINGS] if _length_s(r) >= LONG_S]


def _length_s(clips: Sequence[Truth]) -> float:
    return sum(float(np.ptp(clip.time_s)) for clip in clips)


def _table(got: Mapping[str, float]) -> list[str]:
    lines = ["| measure | bar | got | |", "|---|---|---|---|"]
    for bar in BARS:
        value = got.get(bar.name)
        held = "" if value is None else "holds" if bar.holds(value) else "**missed**"
        lines.append(f"| {bar.meaning} | {bar.limits} | {'–' if value is None else f'{value:.3g}'} | {held} |")
    return lines


def _into_readme(path: Path, lines: Sequence[str]) -> None:
    begin, end = "<!-- sync: begin -->", "<!-- sync: end -->"
    before, rest = path.read_text().split(begin)
    path.write_text("\n".join([before + begin, *lines, end + rest.split(end)[1]]))


def _r(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _short_runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs that are a closure, not a rest."""
    return [(a, b) for a, b in _runs(mask) if (b - a) / GRID_HZ <= MAX_CLOSURE_S and a > 0 and b < len(mask)]
