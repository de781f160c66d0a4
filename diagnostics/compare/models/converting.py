"""The command `convert`: pickled weights become safetensors in a folder of their own; the old folder stays as it is."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from diagnostics.compare.models.environment import worker_environment
from diagnostics.output import refuse
from diagnostics.run.refusal import Sentence, asked_lang, told_in

OK = 0


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `convert` to a command line."""
    parser = commands.add_parser("convert", help="write a model's pickled weights as safetensors, safely")
    parser.add_argument("path", type=Path, help="a folder with pytorch_model*.bin or adapter_model.bin")
    parser.add_argument("--out", type=Path, help="the new folder (default: PATH-safetensors)")
    parser.add_argument("--lang", choices=("en", "zh"), default=asked_lang())
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert. 2: there is nothing to convert, a file holds more than tensors, or the folder cannot be written."""
    folder: Path = arguments.path
    out: Path = arguments.out or folder.resolve().with_name(f"{folder.resolve().name}-safetensors")
    if not folder.is_dir():
        return refuse(Sentence(f"{folder}: there is no such folder.", f"{folder}：没有这个文件夹。"), arguments.lang)
    if out.exists():
        there = Sentence(
            f"{out}: is there already; name another folder with --out.", f"{out}：已存在；请用 --out 指定另一个文件夹。"
        )
        return refuse(there, arguments.lang)
    process = subprocess.run(
        [sys.executable, "-m", "diagnostics.probes.convert", str(folder), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=worker_environment(),
        check=False,
    )
    try:
        told = json.loads(process.stdout.decode().splitlines()[-1])
    except (ValueError, IndexError):
        silent = Sentence(
            f"{folder}: the conversion ended ({process.returncode}) without a word; is there enough memory?",
            f"{folder}：转换结束（{process.returncode}），没有任何说明；内存够用吗？",
        )
        return refuse(silent, arguments.lang)
    if "error" in told:
        return refuse(told_in(told, "error"), arguments.lang)
    print(f"{out}: {told['tensors']} tensors from {told['files']} files.")
    return OK
