"""`make bench-memory`: predicted peaks beside published measurements and beside real training on this machine, and the time.

The published rows are read from the file or folder that CLINIC_MEMORY_TRUTH names; it is not part of the project.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diagnostics.memory.records import Asked, MemoryUnknown
from tests.bench.memory_rows import GIB, Row, config_of, program_of, rows
from tests.bench.tables import table

ROOT = Path(__file__).parents[2]
# An 8B model as its config.json describes it, and the step that the times are measured on.
EIGHT = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192, "tie_word_embeddings": False,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables that are asked for; all by default."""
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--only", choices=["rows", "reality", "time"])
    parser.add_argument("--reliability", default="A", help="rows marked so: A, or AB")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.row is not None:
        return one_row(int(asked.row))
    if asked.only in (None, "reality"):
        reality()
    if asked.only in (None, "time"):
        times()
    if asked.only in (None, "rows"):
        published(asked.reliability)
    return 0


# Published measurements


def one_row(number: int) -> int:
    """Trace one row in this process and print what came of it as JSON."""
    from diagnostics.probes.memory.worker import load, quiet

    quiet()
    load()
    row, begun = rows()[number], time.process_time()
    program = program_of(row)
    if isinstance(program, str):
        print(json.dumps({"left_out": program}))
        return 0
    ledger = program[0]()
    curve = ledger.curve()
    event = int(curve.argmax())
    found = {
        "predicted": program[1](ledger), "allocated": int(curve[event]) / GIB, "phase": ledger.place(event)[0],
        "operation": ledger.operation(event), "seconds": time.process_time() - begun,
        "trained": sum(one[0] for one in ledger.made if "weight" in str(one[4]) and "lora" in str(one[4])),
    }  # fmt: skip
    print(json.dumps(found))
    return 0


def published(reliability: str) -> None:
    """Predict each row and print the errors, beside those of what people reckon with."""
    lines, errors, others, left = [], [], {name: [] for name in ("accelerate", "DeepSpeed", "usual formula")}, {}
    for number, row in enumerate(rows()):
        if row.reliability not in reliability:
            continue
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.memory", "--row", str(number)], cwd=ROOT, capture_output=True, text=True
        )
        answer = (
            json.loads(done.stdout.strip().splitlines()[-1])
            if done.returncode == 0
            else {"left_out": "failed: " + last(done.stderr)}
        )
        if "left_out" in answer:
            left[answer["left_out"]] = left.get(answer["left_out"], 0) + 1
            continue
        error = answer["predicted"] / row.peak - 1
        errors.append(abs(error))
        rivals = {name: value / row.peak - 1 for name, value in formulas(row).items()}
        for name, value in rivals.items():
            others[name].append(abs(value))
        lines.append(
            [
                row.source.split()[0], row.reliability, f"{row.model} {row.method}", f"{row.batch} x {row.length}", f"{row.peak:.3f}",
                f"{answer['predicted']:.3f}", f"{100 * error:+.2f}", *(f"{100 * value:+.0f}" for value in rivals.values()),
                f"{answer['phase']}: {answer['operation']}", f"{answer['seconds']:.1f}",
            ]
        )  # fmt: skip
        print(f"{row.source[:60]} {row.model} {row.method}: {100 * error:+.2f} %", file=sys.stderr, flush=True)
    header = [
        "source",
        "mark",
        "row",
        "rows x tokens",
        "measured, GiB",
        "predicted, GiB",
        "error, %",
        "accelerate, %",
        "DeepSpeed, %",
        "usual formula, %",
        "peak at",
        "CPU s",
    ]
    print("\n## Published measurements\n\n" + table(header, lines) + "\n")
    summary = {"this trace": errors, **others}
    print(
        table(
            ["of", "rows", "median, %", "90th percentile, %", "worst, %"],
            [[name, *spread(values)] for name, values in summary.items()],
        )
    )
    for reason, count in sorted(left.items()):
        print(f"- left out, {count} rows: {reason}")


def spread(values: Sequence[float]) -> list[str]:
    """Count, median, 90th percentile (nearest rank) and worst of absolute errors."""
    if not values:
        return ["0", "-", "-", "-"]
    order = sorted(values)
    tenth = order[min(len(order) - 1, -(-9 * len(order) // 10) - 1)]
    return [str(len(order)), *(f"{100 * one:.2f}" for one in (statistics.median(order), tenth, order[-1]))]


def formulas(row: Row) -> dict[str, float]:
    """What the common estimators say, GiB.

    accelerate estimate-memory: four times the weights in fp32, twice the fp32 size at 16 bits, for Adam (its source).
    DeepSpeed's estimate_zero2_model_states_mem_needs on one device: 2 + 18 bytes a weight (its source); of an adapter, 2 for
    each frozen weight and 20 for each trained one. Usual formula: weights, gradients and Adam's states of what is trained,
    34 * tokens * hidden * layers bytes of activations, or 2 with checkpointing (Korthikanti et al. 2022, attention's
    quadratic part left out), and logits in fp32.
    """
    config, count = config_of(row) or {}, row.parameters
    wide = 4 if row.dtype.startswith(("fp32", "fp16 amp")) else 2
    trained = row.field("trainable").replace(",", "")
    changed = int(trained) if trained.isdigit() else count if row.method == "full" else 0
    hidden, layers = config.get("hidden_size", 0), config.get("num_hidden_layers", 0)
    tokens = row.batch * (652 if row.source.startswith("peft") else int(row.length))
    kept = 2 if row.checkpointing.startswith("yes") else 34
    accelerate = count * 4 * (4 if wide == 4 else 2)
    deepspeed = 2 * (count - changed) + 20 * changed if changed < count else 20 * count
    usual = wide * count + 3 * wide * changed + kept * tokens * hidden * layers
    if config.get("model_type") != "bert":
        usual += 4 * tokens * config.get("vocab_size", 0)
    return {"accelerate": accelerate / GIB, "DeepSpeed": deepspeed / GIB, "usual formula": usual / GIB}


def last(text: str) -> str:
    """The last line of a text."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"


# Real training


def reality() -> None:
    """Train small models on the cpu with every allocation counted, and print how far the trace is off."""
    from tests.diagnostics.memory.reality import CASES

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        subprocess.run(
            [sys.executable, "-m", "tests.diagnostics.memory.reality", str(out), *CASES],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        found: list[dict[str, Any]] = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    lines = [
        [
            one["name"],
            str(one["counted"]),
            str(one["predicted"]),
            f"{100 * (one['predicted'] / one['counted'] - 1):+.4f}",
            f"{one['phase']}: {one['operation']}",
        ]
        if "error" not in one
        else [one["name"], "-", "-", one["error"][:60], "-"]
        for one in found
    ]
    print(
        "\n## Real training on this machine's cpu\n\n"
        + table(["case", "counted, bytes", "predicted, bytes", "error, %", "peak at"], lines)
    )


# Time and memory


def times() -> None:
    """Seconds and memory of an estimate of an 8B model, from a process that has to load the libraries and from one that has."""
    from diagnostics.probes.memory.starter import Worker

    lines = []
    for how in ("extrapolated", "extrapolated", "traced"):
        if not lines:
            worker = Worker()
        asked = Asked("sft", {}, EIGHT, dtype="bfloat16", batch=2, length=2048, device=80 * GIB)
        begun = time.perf_counter()
        request = {"asked": asked.to_json(), "how": how, "check": False, "package": "training"}
        try:
            found = worker.ask(request, lambda text, share: None, lambda: False)
        except MemoryUnknown as error:
            print(f"{how}: {error}")
            continue
        seconds = time.perf_counter() - begun
        lines.append(
            [
                how,
                "no" if len(lines) == 0 else "yes",
                f"{seconds:.1f}",
                f"{found['peak_allocated'] / GIB:.3f}",
                f"{found['peak_reserved'] / GIB:.3f}",
            ]
        )
    resident = max_resident(worker.process.pid) if worker.process is not None else 0
    worker.end()
    load = os.getloadavg()[0]
    print(f"\n## Time of an 8B SFT step, {os.cpu_count()} cores, load {load:.1f} at the end\n")
    print(table(["estimate", "libraries loaded before", "seconds", "allocated, GiB", "reserved, GiB"], lines))
    print(
        f"\nMost memory of the process that holds the libraries: {resident / 2**20:.0f} MiB; of its children, see `seconds`."
    )


def max_resident(process: int) -> int:
    """The most memory that a process has held, bytes (Linux)."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    line = next((one for one in text.splitlines() if one.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
