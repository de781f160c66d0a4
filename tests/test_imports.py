"""Who may import whom: the house's rules, read from the imports of every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"dashboard", "diagnostics", "training"}
HEAVY = {"torch", "trl", "transformers", "accelerate", "peft", "datasets", "tokenizers"}

# room (longest prefix decides): (our rooms it may import, foreign modules it must not import,
#                                 foreign modules it may import inside functions only)
RULES: dict[str, tuple[set[str], set[str], set[str]]] = {
    "diagnostics.run": ({"diagnostics.run"}, HEAVY | {"gradio", "plotly"}, set()),
    "diagnostics.probes": ({"diagnostics"}, {"gradio", "plotly"}, HEAVY),
    "diagnostics": ({"diagnostics"}, HEAVY | {"gradio", "plotly"}, set()),
    "training": ({"training", "diagnostics"}, {"gradio", "plotly"}, set()),
    "dashboard.app": ({"dashboard", "diagnostics"}, HEAVY, set()),
    "dashboard.pages": ({"dashboard", "diagnostics"}, HEAVY, set()),
    "dashboard.sharing.app": ({"dashboard", "diagnostics"}, HEAVY, set()),
    "dashboard": ({"dashboard", "diagnostics"}, HEAVY | {"gradio"}, {"plotly"}),
}
# The engine and what it stands on must not reach into the rooms that use them.
DIAGNOSTICS_CORE = ("diagnostics.rules", "diagnostics.engine", "diagnostics.finding", "diagnostics.measure")
# `dashboard.cli` is the command line: the one plain file that starts the app, and does so late.
LATE = {"dashboard.cli": {"dashboard.app", "dashboard.clinic"}, "dashboard.sharing.serve": {"dashboard.sharing.app"}}
# What a page of the dashboard, or a room's file, may have: more of them are two.
MOST_LINES = 300
FILES = sorted(path for room in OURS for path in (ROOT / room).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """Every imported module, and whether the import stands inside a function. Imports for types only do not run."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                found.append((child.module or "", inside))
                found.extend((f"{child.module}.{alias.name}", inside) for alias in child.names)
            visit(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def under(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def breaches(module: str, imports: list[tuple[str, bool]]) -> list[str]:
    """What of a file's imports the rules forbid."""
    room = max((one for one in RULES if under(module, {one})), key=len)
    ours, never, late_only = RULES[room]
    found = []
    for imported, inside in imports:
        top = imported.partition(".")[0]
        if top in OURS and not under(imported, ours | LATE.get(module, set())):
            found.append(f"{module} imports {imported}")
        if top in never or (top in late_only and not inside):
            found.append(f"{module} imports {imported}")
        if under(module, set(DIAGNOSTICS_CORE)) and under(
            imported, {"diagnostics.report", "diagnostics.compare", "diagnostics.probes", "diagnostics.cli"}
        ):
            found.append(f"{module} imports {imported}")
    return found


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_keep_to_the_house(path: Path) -> None:
    assert breaches(module_of(path), imports_of(path)) == []


@pytest.mark.parametrize(
    ("module", "imported", "inside"),
    [
        ("diagnostics.run.events", "torch", True),
        ("diagnostics.run.events", "diagnostics.engine", False),
        ("diagnostics.engine", "training.control.launch", False),
        ("diagnostics.engine", "diagnostics.report.as_text", False),
        ("diagnostics.probes.model_worker", "torch", False),
        ("dashboard.clinic", "gradio", False),
        ("dashboard.clinic", "training.control.launch", True),
        ("dashboard.pages.runs", "torch", True),
        ("training.sft", "dashboard.app", False),
    ],
)
def test_the_test_sees_a_breach(module: str, imported: str, inside: bool) -> None:
    assert breaches(module, [(imported, inside)])


def test_pages_read_no_files() -> None:
    for path in [
        ROOT / "dashboard/app.py",
        *(ROOT / "dashboard/pages").rglob("*.py"),
        *(ROOT / "dashboard/sharing/app").rglob("*.py"),
    ]:
        source = path.read_text(encoding="utf-8")
        for call in ("open(", "read_text(", "read_json(", "glob(", "iterdir("):
            assert call not in source, f"{path.name} reads files: {call}"


@pytest.mark.parametrize("path", sorted((ROOT / "dashboard").rglob("*.py")), ids=module_of)
def test_no_file_of_the_dashboard_is_longer_than_one_reads(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{path.relative_to(ROOT)}: {lines} lines; at most {MOST_LINES}. Split it."


def test_dashboard_process_never_imports_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from dashboard.app import build; from dashboard.clinic import Clinic\n"
        f"clinic = Clinic(Path({str(tmp_path)!r})); build(clinic); clinic.runs(); clinic.signature()\n"
        "from dashboard.plots.curves import empty_figure; empty_figure('loss', 'step')\n"
        "print(sorted({'torch', 'trl', 'transformers', 'training'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
