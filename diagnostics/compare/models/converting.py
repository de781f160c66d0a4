"""The command `convert`: pickled weights become safetensors in a folder of their own; the old folder stays as it is."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from diagnostics.compare.models.environment import worker_environment
from diagnostics.output import refuse

OK = 0


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `convert` to a command line."""
    parser = commands.add_parser("convert", help="write a model's pickled weights as safetensors, safely")
    parser.add_argument("path", type=Path, help="a folder with pytorch_model*.bin or adapter_model.bin")
    parser.add_argument("--out", type=Path, help="the new folder (default: PATH-safetensors)")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert. 2: there is nothing to convert, a file holds more than tensors, or the folder cannot be written."""
    folder: Path = arguments.path
    out: Path = arguments.out or folder.resolve().with_name(f"{folder.resolve().name}-safetensors")
    if not folder.is_dir():
        return refuse(f"{folder}: there is no such folder.")
    if out.exists():
        return refuse(f"{out}: is there already; name another folder with --out.")
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
        return refuse(f"{folder}: the conversion ended ({process.returncode}) without a word; is there enough memory?")
    if "error" in told:
        return refuse(told["error"])
    print(f"{out}: {told['tensors']} tensors from {told['files']} files.")
    return OK
