"""Hundreds of requests that the description of AKOOL's routes allows or forbids: each answer has the vendor's shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from in_process_server import InProcessServer
from lanes import amount

schemathesis = pytest.importorskip("schemathesis", reason="it makes the requests: pip install schemathesis")

PREFIX = "/api/open/v3"
OPERATIONS = (
    "POST /getToken",
    "POST /content/video/createbytalkingphoto",
    "POST /content/video/lipsync",
    "GET /content/video/infobymodelid",
    "POST /audio/create",
    "GET /audio/infobymodelid",
    "GET /voice/list",
    "GET /faceswap/quota/info",
    "POST /faceswap/result/delbyids",
    "POST /upload",
)
CASES_EACH = amount("CASES", whole=6, release=20)


@pytest.fixture(scope="module")
def description(in_process: InProcessServer) -> Any:
    """The application's own description."""
    return schemathesis.openapi.from_url(f"{in_process.url}/openapi.json")


def test_every_route_is_described(description: Any) -> None:
    all_operations = (operation.ok() for operation in description.get_all_operations())
    described = {f"{one.method.upper()} {one.path}" for one in all_operations if one.path.startswith(PREFIX)}
    assert described == {operation.replace(" ", f" {PREFIX}") for operation in OPERATIONS}


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_has_a_number(
    description: Any, in_process: InProcessServer, operation: str, allowed: bool
) -> None:
    method, path = operation.split(" ")
    known = in_process.context.accounts.client(in_process.account)
    assert known is not None
    mode = schemathesis.GenerationMode.POSITIVE if allowed else schemathesis.GenerationMode.NEGATIVE
    if operation in ("POST /upload", "GET /faceswap/quota/info") and not allowed:
        pytest.skip("nothing can be wrong with it")

    @given(case=description[PREFIX + path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=CASES_EACH,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {known.secret}"})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert type(told["code"]) is int
        if told["code"] != 1000:
            assert told.keys() == {"code", "msg"}
            assert told["msg"]
            assert told["code"] in (1003, 1008, 1101)

    check()
