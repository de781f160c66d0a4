"""Which texts are consoles without any log row: crashes and what people say of them; no papers, no binary files."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.engine import diagnose
from diagnostics.run import RunUnreadable, open_run
from tests.diagnostics.postmortem.texts import TRAIN, crash

CRASH = crash(*TRAIN, end="ValueError: nothing")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("slurm-1.err", CRASH),
        ("paste", CRASH),
        ("issue.md", f"# It dies\n\n```\n{CRASH}```\n"),
        ("console.txt", "element 0 of tensors does not require grad and does not have a grad_fn\n"),
        ("console.txt", "'weight' must be 2-D\n"),
        ("console.txt", "index out of range in self\n"),
        ("report.txt", "The training loss is zero at every step.\n"),
        ("utf16.txt", CRASH.encode("utf-16").decode("utf-16")),
    ],
)
def test_a_crash_without_a_row_is_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-16" if name.startswith("utf16") else "utf-8")
    assert open_run(tmp_path / name).points == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.txt", b"Trains a model with TRL on one GPU.\n"),
        ("requirements.txt", b"torch==2.8\ntrl==1.16\n"),
        ("notes.txt", b"# Plan\n\ntrain\n\n# Result\n\nthe loss of the model fell\n"),
        ("diary.txt", b"Dear diary, it rained.\n"),
        ("weights.out", bytes(range(256)) * 40),
        ("zeros.log", b"loss error\0\0\0\0"),
        ("empty.log", b""),
        ("train.py", b"import torch\nfrom trl import SFTTrainer\n"),
    ],
)
def test_other_texts_are_refused_in_one_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunUnreadable, match="holds no log row") as caught:
        open_run(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_old_argument_of_a_command_line_is_told_with_its_new_name(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text(
        "Traceback (most recent call last):\n"
        '  File "/opt/venv/lib/python3.11/site-packages/transformers/hf_argparser.py", line 364, in parse_args_into_dataclasses\n'
        "ValueError: Some specified arguments are not used by the HfArgumentParser: ['--max_seq_length', '1024']\n",
        encoding="utf-8",
    )
    [finding] = [one for one in diagnose(open_run(path)).findings if one.rule == "argument-renamed"]
    assert (finding.facts["kind"], finding.facts["instead"]) == ("console-renamed", "max_length")
