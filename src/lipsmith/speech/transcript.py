"""Recognized speech, corrected by the known words of the recording."""

from __future__ import annotations

from dataclasses import replace

from lipsmith.speech.visemes import VISEMES, Speech


def with_transcript(recognized: Speech, aligned: Speech) -> Speech:
    """Return ``recognized`` with the visemes of ``aligned``, the known text, wherever it has some.

    The lip curves of ``recognized`` stay: on ten studio recordings they match measured lips better (r .78) than curves
    made from a table of visemes (.59); the visemes of the text raise that to .80. The pauses of ``recognized`` stay
    too, since lips open before the first word. Without lip curves, ``aligned`` alone is better and is returned.
    """
    if recognized.width is None:
        return aligned
    known = aligned.visemes.copy()
    known[:, 0] = 0.0
    visemes = known + aligned.visemes[:, :1] * recognized.visemes
    # The aligner extends a last phone into the pause after it. The closure of p and b is silent, but no pause.
    pause = recognized.visemes[:, :1] * (1.0 - known[:, [VISEMES.index("PP")]])
    visemes *= 1.0 - pause
    visemes[:, :1] += pause
    return replace(recognized, visemes=visemes)
