"""Command line: `python -m training data|net|head|all`."""

from __future__ import annotations

import argparse
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="training/run", description="Makes the speech net and its head.")
    parser.add_argument("step", nargs="?", default="all", choices=("data", "net", "head", "all"))
    parser.add_argument("--build", type=Path, default=HERE / "build", help="folder for everything on the way")
    parser.add_argument(
        "--truth", type=Path, default=HERE.parents[1] / "shared" / "speech-truth", help="recordings with measured lips"
    )
    parser.add_argument("--minutes", type=float, help="train for so long instead of a number of steps")
    asked = parser.parse_args()
    asked.build.mkdir(parents=True, exist_ok=True)
    if asked.step in ("data", "all"):
        from training.data import build

        build(asked.build)
    if asked.step in ("net", "all"):
        from training.export import export_nets
        from training.train import train

        train(asked.build, minutes=asked.minutes)
        export_nets(asked.build)
    if asked.step in ("head", "all"):
        from training.head import build as build_head

        build_head(asked.build, asked.truth)


if __name__ == "__main__":
    main()
