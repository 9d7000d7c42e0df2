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
    requested = parser.parse_args()
    requested.build.mkdir(parents=True, exist_ok=True)
    if requested.step in ("data", "all"):
        from training.data import build

        build(requested.build)
    if requested.step in ("net", "all"):
        from training.export import export_nets
        from training.train import train

        train(requested.build, minutes=requested.minutes)
        export_nets(requested.build)
    if requested.step in ("head", "all"):
        from training.head import build as build_head

        build_head(requested.build, requested.truth)


if __name__ == "__main__":
    main()
