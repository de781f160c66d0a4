"""The tree in the README: every file with the first sentence of its docstring. `python -m tests.tree` writes it anew."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
START, END = "<!-- tree: written by python -m tests.tree -->", "<!-- end of tree -->"
# What is not Python says here what it is.
OTHERS = {
    "dashboard/style.css": "how the pages look, light and dark",
    "dashboard/runs/runs.css": "how the Runs page looks besides",
    "dashboard/memory/memory.css": "how the Memory page looks besides",
    "dashboard/sharing/panel.css": "how the Share page looks besides",
    "dashboard/settings/settings.css": "how the Settings page looks besides",
    "training/demo/kept_base/": "the trained base model as a run folder, 2.7 MB of weights",
    "runs/README.md": "what a run folder holds",
    "tests/cases/": "one folder a rule: bad runs and near misses: made by make_cases.py, `-real-` recorded by record_cases.py",
    "tests/requirements.txt": "what the tests need besides",
    "requirements.txt": "exact versions, read by pyproject.toml",
    "pyproject.toml": "the package trl-clinic, and the settings of ruff, mypy and pytest",
    "Makefile": "demo, dashboard, test, bench, base",
    "CONTRIBUTING.md": "how to add a rule, a method, a page",
    "README.zh.md": "this page in Chinese",
    "docs/pictures/": "the pictures of the READMEs, taken by `python -m tests.pictures`; Chinese ones in zh/",
    "docs/zh/": "the pages of docs/ in Chinese",
    "docs/rules/": "a page a rule, written from its file; Chinese ones in zh/",
    "docs/demo.md": "the demo: its stages, and the scores that were measured",
    "docs/pages.md": "what each page of the dashboard does",
    "docs/commands.md": "every command, the arguments of ours, exit codes",
    "docs/sharing.md": "showing runs to others: the shared link, what protects it, the ways without a tunnel, a file for a mail",
    "dashboard/sharing/app/shared.css": "how the shared pages look, beside style.css",
    "diagnostics/report/overlay.css": "how several curves in one picture look",
    "docs/ci.md": "checking the logs of runs in CI",
    "docs/methods/": "a page a method: when to use it, its data, arguments, metrics; Chinese ones in zh/",
    "docs/compare.md": "comparing checkpoints and bisecting a run from the command line",
    "docs/preflight.md": "a training looked at before it starts: data, template, rewards, config, script",
    "docs/memory.md": "device memory before a run and after a crash: what a config needs, what to change, from the command line",
    "docs/memory-bench.md": "how the memory predictor is measured, with the table of rows",
    "docs/data.md": "data of a run: formats, columns, mapping, curriculum",
    "docs/rewards.md": "reward functions: the built-in ones, naming, weighing and writing them",
    "diagnostics/report/report.css": "how the HTML report looks: light, dark, narrow, on paper",
    "diagnostics/report/preflight/preflight.css": "how the pictures of a pre-flight look, in its report and on its page",
    "diagnostics/compare/report/compare.css": "how the HTML report of a comparison looks, beside report.css",
    ".ci/run": "calls make test",
}


def role_of(path: Path) -> str:
    """The first sentence of a module's docstring, as its role in a line."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = docstring.split("\n\n")[0].replace("\n", " ")
    return line.split(". ")[0].rstrip(".")


def tree() -> str:
    """The tree as a Markdown block."""
    roles = dict(OTHERS)
    for room in ("dashboard", "training", "diagnostics", "tests"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if path.name == "__init__.py":
                role = role_of(path)
                if role:
                    roles[name.removesuffix("__init__.py")] = role
            elif path.name != "__main__.py" or room == "tests":
                roles[name] = role_of(path)

    rooms = ("dashboard", "training", "diagnostics", "runs", "tests")

    def order(name: str) -> tuple:
        first = name.split("/")[0]
        place = rooms.index(first) if first in rooms else len(rooms)
        # Files of a folder before its sub-folders.
        return (place, [(part + "/" if "/" in name else part) for part in name.split("/")[:-1]], name)

    width = max(len(name) for name in roles) + 2
    lines = [f"    {name:<{width}}{roles[name]}" for name in sorted(roles, key=order)]
    return "\n".join([START, "", *lines, "", END])


def written(readme: str) -> str:
    """A README with its tree made anew."""
    before, _, rest = readme.partition(START)
    return before + tree() + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
