"""A pre-flight as one JSON object: the stable form for programs, and what the pictures of every other format are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diagnostics.finding import Diagnosis, Edit, Evidence, SeriesEvidence, TableEvidence, TextEvidence
from diagnostics.preflight.material import Material, RewardTrial, Rows, Script, Sequences, Template, Tokens
from diagnostics.report.as_json import finding_object, plain
from diagnostics.report.words import FindingInWords, FixInWords, Lang, in_words, reason_in_words, unseen_in_words

SCHEMA = 1
BINS = 36  # bars of a histogram: each about as wide as a letter
RULE_OF_THREE = 3.0  # of n rows without a fault, 3/n is the upper end of the 95 % interval of its share


def contents(material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> dict[str, Any]:
    """The whole pre-flight as an object, strict JSON all through.

    `rows`: a few rows token by token. `lengths`: by part, what the histogram shows. `rewards`: by function, means by
    probe. `template`, `script`: null where there is none. `conversion`: how the data would become the method's.
    """
    prepared = material.prepared
    asked = material.asked
    whole: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "kind": "preflight",
            "path": str(asked.config.get("dataset_name") or asked.script or ""),
            "method": asked.method,
            "model": asked.config.get("model_name_or_path"),
            "data": data_object(material.train),
            "evaluation": data_object(material.evaluation),
            "findings": [finding_object(in_words(one, lang)) for one in diagnosis.findings],
            "not_checked": [{"rule": one.rule, "reason": reason_in_words(one, lang)} for one in diagnosis.not_checked],
            "judged": diagnosis.judged,
            "rows": [tokens_object(one) for one in prepared.picture] if prepared else [],
            "lengths": [
                lengths_object(one, prepared.max_length) for one in prepared.sequences.values() if len(one.lengths)
            ]
            if prepared
            else [],
            "max_length": prepared.max_length if prepared else None,
            "template": template_object(prepared.template) if prepared and prepared.template else None,
            "rewards": [trial_object(one) for one in material.rewards or ()],
            "script": script_object(material.script) if material.script else None,
            "conversion": material.facts.get("conversion"),
            "unseen": {part: unseen_in_words(why, lang) for part, why in material.unseen.items()},
        }
    )
    return whole


def data_object(rows: Rows | None) -> dict[str, Any] | None:
    """The rows of one split: how many there are, how many were looked at, and the share of a fault that would be seen."""
    if rows is None:
        return None
    seen = len(rows.numbers)
    return {
        "where": rows.where,
        "total": rows.total,
        "looked_at": seen,
        "columns": list(rows.columns),
        "seen_share": 0.0 if not rows.sampled or not seen else min(1.0, RULE_OF_THREE / seen),
    }


def tokens_object(one: Tokens) -> dict[str, Any]:
    """A row token by token: text, kind, id, whether it is special; `left_out`: before which place how many are not shown."""
    return {
        "row": one.row,
        "part": one.part,
        "dropped": one.dropped,
        "left_out": [list(gap) for gap in one.left_out],
        "tokens": [
            [says, kind, number, special]
            for says, kind, number, special in zip(one.texts, one.kinds, one.ids, one.special, strict=True)
        ],
    }


def lengths_object(one: Sequences, limit: int | None) -> dict[str, Any]:
    """The lengths of one part's sequences: quantiles, what the limit does to them, and the bars of a histogram."""
    lengths = one.lengths
    longest = int(lengths.max())
    over = int((lengths > limit).sum()) if limit is not None else 0
    edges = bins(lengths, limit)
    return {
        "part": one.part,
        "count": len(lengths),
        "shortest": int(lengths.min()),
        "median": int(np.median(lengths)),
        "p95": int(np.quantile(lengths, 0.95, method="higher")),
        "p99": int(np.quantile(lengths, 0.99, method="higher")),
        "longest": longest,
        "over": over,
        "dropped": int(one.dropped.sum()),
        "cut": int((~one.dropped & (one.kept < lengths)).sum()),
        "edges": [round(edge, 3) for edge in edges],
        "counts": np.histogram(np.minimum(lengths, edges[-1]), edges)[0].tolist(),
    }


def bins(lengths: np.ndarray, limit: int | None) -> list[float]:
    """The edges of the bars: whole tokens wide, up to the longest row; a few very long rows are put into the last bar.

    Without that one row of 50,000 tokens would press all others into the first bar.
    """
    longest = float(lengths.max())
    end = min(longest, max(2.0 * float(np.quantile(lengths, 0.99)), 1.2 * (limit or 0)))
    end = max(end, min(longest, 8.0), 1.0)
    width = max(1.0, math.ceil(end / BINS))
    return [width * place for place in range(math.ceil((end + 1) / width) + 1)]


def template_object(one: Template) -> dict[str, Any]:
    """What was measured of the chat template."""
    return {
        "source": one.source,
        "known": one.known,
        "refuses": one.refuses,
        "prefix_preserving": one.prefix_preserving,
        "prompt_is_prefix": one.prompt_is_prefix,
        "generation_markers": one.generation_markers,
        "end_trained": one.end_trained,
        "end_token": one.end_token,
        "parity": [{"row": row, "training": list(ours), "server": list(theirs)} for row, ours, theirs in one.parity],
    }


def trial_object(one: RewardTrial) -> dict[str, Any]:
    """One reward function's trial: the mean of each probe, and the share of rows on which a probe beats the reference."""
    reference = one.values.get("reference")
    return {
        "name": one.name,
        "spec": one.spec,
        "failed": {"kind": one.failed[0], "message": one.failed[1]} if one.failed else None,
        "rows": len(one.rows),
        "seconds": one.seconds,
        "means": {probe: mean(values) for probe, values in one.values.items()},
        "beats": {
            probe: share_above(values, reference)
            for probe, values in one.values.items()
            if probe != "reference" and reference is not None
        },
        "shuffled": one.shuffled,
    }


def mean(values: np.ndarray) -> float | None:
    """The mean of what is a number; None of nothing."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def share_above(values: np.ndarray, reference: np.ndarray) -> float | None:
    """The share of rows on which a probe's reward is above the reference's; None where no row has both."""
    if len(values) != len(reference):
        return None
    both = np.isfinite(values) & np.isfinite(reference)
    return float((values[both] > reference[both]).mean()) if both.any() else None


def script_object(one: Script) -> dict[str, Any]:
    """What was read in the script: each place to change, and the whole change as a diff."""
    return {
        "path": str(one.path),
        "method": one.method,
        "era": one.era,
        "changes": [
            {
                "kind": change.kind,
                "line": change.line,
                "owner": change.owner,
                "old": change.what,
                "new": change.instead,
                "since": change.since,
                "mended": change.mended,
                "note": change.note,
            }
            for change in one.changes
        ],
        "modern": one.modern,
        "diff": one.diff,
        "unread": list(one.unread),
    }


def findings_of(whole: Mapping[str, Any]) -> list[FindingInWords]:
    """The findings of a pre-flight's object, read back: a page shows what another process found."""
    return [finding_from(one) for one in whole["findings"]]


def finding_from(one: Mapping[str, Any]) -> FindingInWords:
    """One finding read back from its object."""
    return FindingInWords(
        rule=one["rule"],
        severity=one["severity"],
        confidence=one["confidence"],
        first_step=one["first_step"],
        last_step=one["last_step"],
        title=one["title"],
        summary=one["summary"],
        why=one["why"],
        wrong_if=one["wrong_if"],
        causes=tuple(one["causes"]),
        fixes=tuple(
            FixInWords(
                fix["title"],
                fix["safety"],
                tuple(
                    Edit(edit["path"], edit["from"], edit["to"], edit.get("removed", False)) for edit in fix["edits"]
                ),
            )
            for fix in one["fixes"]
        ),
        evidence=tuple(evidence_from(group) for group in one["evidence"]),
        explains=tuple(one["explains"]),
    )


def evidence_from(one: Mapping[str, Any]) -> Evidence:
    """One piece of evidence read back from its object."""
    if one["kind"] == "series":
        rows: Sequence[Sequence[Any]] = one["rows"]
        return SeriesEvidence(one["tag"], tuple(one["marks"]), tuple((int(step), float(value)) for step, value in rows))
    if one["kind"] == "table":
        return TableEvidence(one["title"], tuple(one["head"]), tuple(tuple(row) for row in one["rows"]))
    return TextEvidence(one["file"], tuple(one["lines"]))
