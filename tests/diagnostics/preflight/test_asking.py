"""Hostile config files: refused in one sentence, in no time, and nothing of them is run."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from diagnostics.preflight.asking import AskedWrong, read_config

NAMES = "abcdefghijkl"
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in itertools.pairwise(NAMES)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "more than 10000 values"),
        ("a: &a [*a]\n", "more than 10000 values"),
        ("a: " + "[" * 20_000, "nested too deeply"),
        ("method: sft\nx: !!python/object/apply:os.mkdir ['{folder}/made']\n", "cannot be read as a config"),
        ("- 1\n- 2\n", "holds no config"),
    ],
)
def test_a_hostile_config_is_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("{folder}", str(tmp_path)), encoding="utf-8")
    with pytest.raises(AskedWrong, match=why) as caught:
        read_config(path)
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path):
        with pytest.raises(AskedWrong, match="is no file"):
            read_config(path)
