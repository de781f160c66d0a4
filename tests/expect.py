"""What the clinic says of every bad case: its whole report, and the child config of its first fix.

`python -m tests.expect` writes them below `tests/cases/<rule>/expected/`. Read the difference before you commit it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from diagnostics.children import NoFix, child_of
from diagnostics.engine import diagnose
from diagnostics.report.as_json import plain, report_object
from diagnostics.run import open_run

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "cases"


def bad_cases() -> list[Path]:
    """Every bad case, files and folders."""
    return sorted(CASES.glob("*/bad-*"))


def settled(value: Any) -> Any:
    """A value without what depends on the machine, the day or the last digits of its arithmetic."""
    if isinstance(value, str):
        value = value.replace(f"{ROOT}/", "")
        return re.sub(r"sign of life for \d+ s", "sign of life for N s", value)
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: settled(one) for key, one in value.items()}
    return [settled(one) for one in value] if isinstance(value, list) else value


def expected(path: Path) -> dict[str, Any]:
    """The report on a case, and the config of the child that its first fix makes (None where it edits nothing)."""
    run = open_run(path)
    diagnosis = diagnose(run)
    try:
        child = child_of(run, diagnosis, diagnosis.findings[0].rule).config
    except NoFix:
        child = None
    return {"report": settled(report_object(run, diagnosis)), "child": settled(plain(child))}


def place(path: Path) -> Path:
    """Where what is expected of a case is kept."""
    return path.parent / "expected" / f"{path.stem}.json"


if __name__ == "__main__":
    # All of it first: a case that breaks must not cost what was written before.
    texts = {place(case): json.dumps(expected(case), ensure_ascii=False, indent=1) for case in bad_cases()}
    for folder in CASES.glob("*/expected"):
        shutil.rmtree(folder)
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
