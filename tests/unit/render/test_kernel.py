"""Tests of lipsmith.render.kernel."""

from __future__ import annotations

import numba
import pytest

import lipsmith.render.kernel as module


def test_where_nothing_can_be_kept_kernels_still_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(**options: object) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr(module, "njit", njit)

    @module.kernel
    def doubled(value: int) -> int:
        return 2 * value

    assert doubled(21) == 42
