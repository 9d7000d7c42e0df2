"""Refusals of `lipsmith serve`, and the output of the bare command."""

import pytest

from lipsmith.cli.main import BAD_INPUT, DONE, run

pytest.importorskip("uvicorn", reason="serving needs the extra server")


def test_a_setting_out_of_range_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "99999"]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "port" in said and "65535" in said and "[invalid_option]" in said
    assert "Traceback" not in said


def test_the_bare_command_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == DONE
    assert "talk" in capsys.readouterr().out
