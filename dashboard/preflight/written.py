"""The files that a pre-flight leaves to take along: converted data, the script of today, the mended config."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from dashboard.preflight.job import Form, FormUnusable, setting_lines, setting_words
from dashboard.preflight.process import last_sentence, started
from dashboard.texts import Words
from diagnostics.finding import Edit
from diagnostics.fixing import applied
from diagnostics.run.files import write_json


def converted(form: Form, words: Words) -> Path:
    """The data in the method's own shape, as a file in a folder of its own.

    Raises:
        FormUnusable: it cannot be converted; the message says why.
    """
    if not form.data or not form.method:
        raise FormUnusable(words("pre.nothing") if not form.data else words("pre.no_method"))
    folder = Path(tempfile.mkdtemp(prefix="trl-clinic-"))
    target = folder / f"{Path(form.data).stem or 'data'}.{form.method}.jsonl"
    command = ["preflight", "--method", form.method, "--data", form.data, "--rows", "1", "--convert", str(target)]
    if settings := setting_words(form.settings, words):
        command += ["--set", *settings]
    process = started(
        [*command, "--format", "json", "--lang", words.lang, "--out", str(folder / "report.json")], folder
    )
    process.wait()
    if not target.is_file():
        raise FormUnusable(last_sentence(folder, process.returncode))
    return target


def modern_script(report: dict[str, Any]) -> Path | None:
    """The script for the installed TRL, as a file in a folder of its own; None where nothing has to change."""
    script = report.get("script")
    if not script or not script["modern"]:
        return None
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / Path(script["path"]).name
    path.write_text(script["modern"], encoding="utf-8")
    return path


def mended_config(form: Form, report: dict[str, Any]) -> Path | None:
    """The config with the first fix of each finding that edits it, as a file; None where no fix does."""
    from diagnostics.preflight.asking import AskedWrong, parse_settings, read_config

    edits = [
        edit for one in report["findings"] for edit in next((fix["edits"] for fix in one["fixes"] if fix["edits"]), [])
    ]
    if not edits:
        return None
    config: dict[str, Any] = {"method": report["method"]}
    with suppress(AskedWrong):
        config.update(read_config(Path(form.config_file)) if form.config_file else {})
        config.update(parse_settings(setting_lines(form.settings)))
    config.update({"model_name_or_path": report["model"]} if report["model"] else {})
    config.update({"dataset_name": form.data} if form.data else {})
    config = applied(config, (Edit(one["path"], one["from"], one["to"], one.get("removed", False)) for one in edits))
    path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / "config.json"
    write_json(path, config)
    return path
