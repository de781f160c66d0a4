"""What a pre-flight says in sentences, from its object: the verdict, the data, the lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.preflight.labels import LABELS, counted
from diagnostics.report.words import Lang


def verdict(whole: Mapping[str, Any], lang: Lang) -> str:
    """Whether to start: not with an error, with care after warnings."""
    counts = Counter(one["severity"] for one in whole["findings"])
    if counts["error"]:
        return counted(lang, "unready", counts["error"])
    if counts["warning"]:
        return counted(lang, "careful", counts["warning"])
    return counted(lang, "ready", whole["judged"]) if whole["judged"] else COMMON[lang]["unjudged"]


def data_sentence(data: Mapping[str, Any], lang: Lang) -> str:
    """How many rows there are, and of a sample what it can show."""
    label = LABELS[lang]
    if data["looked_at"] < data["total"]:
        return label["sample"].format(total=data["total"], seen=data["looked_at"], share=data["seen_share"])
    return label["rows"].format(total=data["total"])


def length_sentences(one: Mapping[str, Any], limit: int | None, lang: Lang) -> list[str]:
    """The quantiles of the lengths, and what the limit does to the rows."""
    label = LABELS[lang]
    said = [label["lengths_help"].format(median=one["median"], p95=one["p95"], longest=one["longest"])]
    if limit is None:
        return said
    if not one["over"] and not one["dropped"] and not one["cut"]:
        return [*said, COMMON[lang]["colon"].join([label["limit"].format(n=limit), label["fits"]])]
    parts = (
        [label["over"].format(n=one["over"], total=one["count"], share=one["over"] / one["count"])]
        if one["over"]
        else []
    )
    parts += [label[key].format(n=one[name]) for key, name in (("cut", "cut"), ("left_out", "dropped")) if one[name]]
    return [*said, COMMON[lang]["colon"].join([label["limit"].format(n=limit), COMMON[lang]["comma"].join(parts)])]


def probes_of(rewards: list[Mapping[str, Any]], order: tuple[str, ...]) -> list[str]:
    """The probes that any function was tried with, in their order."""
    tried = {probe for one in rewards for probe in one["means"]}
    return [probe for probe in order if probe in tried] + sorted(tried - set(order))


def reward_cells(rewards: list[Mapping[str, Any]], lang: Lang) -> list[list[str]]:
    """Reward by probe, a row a function, the first row the head; a star where the probe beats the reference on the mean."""
    label = LABELS[lang]
    order = ("reference", "ordinary", "empty", "long", "prompt", "repeated", "keywords", "foreign")
    probes = probes_of(rewards, order)
    if not probes and any(one["failed"] for one in rewards):
        probes = ["reference"]  # no function gave a reward: the column holds what each of them said instead
    cells = [[label["function"], *(label.get(f"probe_{probe}", probe) for probe in probes)]]
    for one in rewards:
        if one["failed"]:
            cells.append([one["name"], one["failed"]["message"], *("" for _ in probes[1:])][: len(probes) + 1])
            continue
        cells.append([one["name"], *(reward_cell(one, probe) for probe in probes)])
    return cells


def reward_cell(one: Mapping[str, Any], probe: str) -> str:
    """The mean of a probe; with a star where it is at least the reference's."""
    value = one["means"].get(probe)
    if value is None:
        return "–"
    reference = one["means"].get("reference")
    star = "*" if probe not in ("reference", "ordinary") and reference is not None and value >= reference else ""
    return f"{value:.3g}{star}"


def change_cells(script: Mapping[str, Any], lang: Lang) -> list[list[str]]:
    """The places of a script to change, the first row the head."""
    label = LABELS[lang]
    head = [label["line"], label["old"], label["new"], ""]
    return [
        head,
        *(
            [str(one["line"]), f"{one['owner']}: {one['old']}", one["new"] or label["gone"], one["note"]]
            for one in script["changes"]
        ),
    ]
