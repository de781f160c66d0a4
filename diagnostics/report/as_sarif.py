"""A diagnosis as SARIF 2.1.0, the format that code scanning services take."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from diagnostics.finding import Diagnosis, Finding
from diagnostics.report.as_json import finding_object, plain
from diagnostics.report.as_markdown import escaped, finding_section
from diagnostics.report.as_text import edit_text
from diagnostics.report.common import visible
from diagnostics.report.folder import FolderReport
from diagnostics.report.labels import LABELS, counted
from diagnostics.report.page import explain
from diagnostics.report.places import Place, address, places_of
from diagnostics.report.words import FindingInWords, Lang, in_words, reason_in_words, words_of
from diagnostics.rules import RULES
from diagnostics.run import Run
from diagnostics.version import version

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}
LANGUAGES: dict[Lang, str] = {"en": "en-US", "zh": "zh-CN"}
# Relative addresses are below the directory in which the check was run: in CI, the checkout.
BASE = "%SRCROOT%"
TAGS = ["llm-post-training", "trl"]
PLACES = {rule.NAME: place for place, rule in enumerate(RULES)}


def report(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The report on one run as SARIF text."""
    unjudged = [
        notification("not-checked", reason_in_words(one, lang), level="note", rule=one.rule)
        for one in diagnosis.not_checked
    ]
    return log(results(run, diagnosis, lang), unread(run) + unjudged, lang)


def part(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """What the report on a folder holds of one run, as JSON: results, what could not be read, rules that could not judge."""
    unjudged = [one.rule for one in diagnosis.not_checked]
    return json.dumps([results(run, diagnosis, lang), unread(run), unjudged], ensure_ascii=False)


def folder(report: FolderReport, lang: Lang) -> str:
    """The report on many runs as SARIF text: one SARIF run with the results of all.

    Which rules could not judge is told once a rule, with the number of runs: a sentence a rule and run would outweigh
    what was found.
    """
    found: list[dict[str, Any]] = []
    notes = [notification("run-unreadable", one.reason) for one in report.unreadable]
    unjudged: Counter[str] = Counter()
    for row in report.rows:
        its_results, its_notes, its_unjudged = json.loads(row.part)
        found += its_results
        notes += its_notes
        unjudged.update(its_unjudged)
    for rule in sorted(unjudged, key=PLACES.__getitem__):
        says = f"{LABELS[lang]['not_checked']}{LABELS[lang]['colon']}{counted(lang, 'runs', unjudged[rule])}"
        notes.append(notification("not-checked", says, level="note", rule=rule))
    return log(found, notes, lang)


def log(found: list[dict[str, Any]], notes: list[dict[str, Any]], lang: Lang) -> str:
    """A SARIF file with one SARIF run."""
    driver = {
        "name": "TRL Clinic",
        "version": version(),
        "semanticVersion": version(),
        "rules": [rule_object(rule.NAME, lang) for rule in RULES],
    }
    sarif_run = {
        "tool": {"driver": driver},
        "language": LANGUAGES[lang],
        "originalUriBaseIds": {BASE: {"description": {"text": "The directory in which the check was run."}}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": found,
    }
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [sarif_run]}
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def rule_object(name: str, lang: Lang) -> dict[str, Any]:
    """A rule with its page."""
    words = words_of(name, lang)
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": words.title},
        "fullDescription": {"text": " ".join(words.about.split("\n\n")[0].split())},
        "help": {
            "text": explain(name, lang).strip(),
            "markdown": "\n".join([f"# {words.title}", "", *map(escaped, words.about.splitlines())]),
        },
        # A rule has no one severity: each of its findings says its own, in the result's level. This is SARIF's default.
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": TAGS},
    }


def results(run: Run, diagnosis: Diagnosis, lang: Lang) -> list[dict[str, Any]]:
    """The findings as SARIF results."""
    return [result(run, one, in_words(one, lang), lang) for one in diagnosis.findings]


def result(run: Run, finding: Finding, words: FindingInWords, lang: Lang) -> dict[str, Any]:
    """One finding as a SARIF result.

    Its fixes are edits of a config, not of a region of a file as SARIF's `fixes` are: they stand in the message and in
    the properties.
    """
    return result_at(run.name, [location(place) for place in places_of(run, finding)], finding, words, lang)


def result_at(
    name: str, places: list[dict[str, Any]], finding: Finding, words: FindingInWords, lang: Lang
) -> dict[str, Any]:
    """One finding as a SARIF result at some places, at least one. `name`: what was judged."""
    first, *others = places
    known = finding_object(words)
    kept = ("confidence", "first_step", "last_step", "explains", "causes", "wrong_if", "fixes")
    # The same fault of the same run is the same alert, also when it was read from another checkout or grew by a step.
    fingerprint = hashlib.sha256(f"{finding.rule}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return plain(
        {
            "ruleId": finding.rule,
            "ruleIndex": PLACES[finding.rule],
            "level": LEVELS[finding.severity],
            "message": {
                "text": literal(message_text(words, lang)),
                "markdown": literal(finding_section(words, lang, heading=False)),
            },
            "locations": [first],
            **({"relatedLocations": others} if others else {}),
            # The second is the only one that GitHub looks at.
            "partialFingerprints": {"trlClinicFinding/v1": fingerprint, "primaryLocationLineHash": f"{fingerprint}:1"},
            "properties": {"run": name, **{key: known[key] for key in kept}},
        }
    )


def message_text(finding: FindingInWords, lang: Lang) -> str:
    """A finding in sentences, a line each: what, why, the likely causes, what to change."""
    label = LABELS[lang]
    colon = label["colon"]
    lines = [f"{finding.title}{label['stop']}{finding.summary}", f"{label['why']}{colon}{finding.why}"]
    lines += [f"{label['cause']}{colon}{cause}" for cause in finding.causes]
    for fix in finding.fixes:
        lines.append(f"{label['fix']} {label['brackets'].format(label[fix.safety])}{colon}{fix.title}")
        lines += [edit_text(edit) for edit in fix.edits]
    lines.append(f"{label['wrong_if']}{colon}{finding.wrong_if}")
    return plain_text("\n".join(lines))


def plain_text(text: str) -> str:
    """A text with nothing hidden in it, and nothing that SARIF takes for a link: `[words](address)`."""
    return visible(text).replace("](", "]\\(")


def literal(text: str) -> str:
    """A message's text with braces doubled, which alone would be places for arguments (SARIF 2.1.0, 3.11.5)."""
    return text.replace("{", "{{").replace("}", "}}")


def message(text: str) -> dict[str, str]:
    """A text as a SARIF message in which nothing is a link or a place for an argument."""
    return {"text": literal(plain_text(text))}


def location(place: Place) -> dict[str, Any]:
    """A place as a SARIF location.

    GitHub shows no result without a line: where a file has none to name, its first stands for the whole.
    """
    uri = address(place.path)
    file = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": BASE}
    region: dict[str, Any] = {"startLine": place.first_line or 1}
    if place.first_line and place.last_line:
        region["endLine"] = place.last_line
        if place.lines:
            region["snippet"] = {"text": visible("\n".join(place.lines))}
    return {"physicalLocation": {"artifactLocation": file, "region": region}}


def unread(run: Run) -> list[dict[str, Any]]:
    """What could not be read of a run, as SARIF notifications."""
    return [notification("part-unreadable", f"{run.name}: {problem}") for problem in run.problems]


def notification(kind: str, says: str, *, level: str = "warning", rule: str | None = None) -> dict[str, Any]:
    """Something to know of the check itself, as a SARIF notification."""
    about = {"associatedRule": {"id": rule, "index": PLACES[rule]}} if rule else {}
    return {"descriptor": {"id": kind}, "level": level, "message": message(says), **about}
