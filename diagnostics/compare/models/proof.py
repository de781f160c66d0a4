"""Proof that each source is itself: its files, what changed against the base, whether its logits differ from the base's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from diagnostics.compare.models.fingerprint import FileHash, Hashes, digest, hashes_of
from diagnostics.compare.models.hub import located
from diagnostics.compare.models.mailbox import Row, Sampling
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.compare.models.weights import WeightChange, weight_change
from diagnostics.compare.models.workers import WorkerPool
from diagnostics.compare.models.writers import Measured, measure
from diagnostics.run.files import read_json
from diagnostics.run.refusal import sentence_of

# The probe: so many sequences of so many token ids, drawn with seed 0 from the smallest vocabulary that is compared.
PROBES, PROBE_LENGTH = 4, 16
# Logits that differ less than this are the same up to rounding: float32 sums of a few thousand products err by 1e-3.
SAME_LOGITS = 1e-3


@dataclass(frozen=True)
class Identity:
    """What a source is, as far as it can be seen from outside and measured within.

    `weights`: one hash for all weights. `change`: against the base's; None where there is none to compare with.
    `matched`: of an adapter, tensors of its file that found their place, those that the model misses, those it does not
    know. `probe`: the largest difference of a logit from the base's over the probes; None if it cannot be compared.
    `template`: the chat template, `template_hash` its first 12 hex digits. `stops`: (id, token) that end an answer.
    `warnings`: (key, facts) for `diagnostics.compare.words`.
    """

    source: Source
    files: tuple[FileHash, ...] = ()
    weights: str | None = None
    change: WeightChange | None = None
    matched: Mapping[str, Any] | None = None
    probe: float | None = None
    template: str | None = None
    template_hash: str | None = None
    stops: tuple[tuple[int, str], ...] = ()
    dtype: str | None = None
    device: str | None = None
    parameters: int | None = None
    is_base: bool = False
    error: str | None = None
    warnings: tuple[tuple[str, Mapping[str, Any]], ...] = field(default=())

    def warned(self, key: str, **facts: Any) -> Identity:
        """The same with one more warning."""
        return replace(self, warnings=(*self.warnings, (key, facts)))


def prove(pool: WorkerPool, hashes: Hashes, sources: Sequence[Source], base: Source | None) -> list[Identity]:
    """The identities of sources that are compared, in their order; `base` is what they were trained from.

    Opens each model once (those that the workers hold are asked there). A source that cannot be looked at has `error`.
    """
    sources, lost = here(sources)
    local = [one for one in sources if one.kind in ("model", "adapter") and one.name not in lost]
    asked = [*([base] if base is not None and base.kind == "model" and base not in local else []), *local]
    ids = probe_ids(asked)
    told: dict[Source, tuple[Measured, np.ndarray | None]] = {}
    for one in asked:
        told[one] = look(pool, one, ids)
    found = [
        Identity(one, error=lost[one.name]) if one.name in lost else identity(one, base, hashes, told)
        for one in sources
    ]
    return compared(found)


def here(sources: Sequence[Source]) -> tuple[list[Source], dict[str, str]]:
    """The sources with those of the Hub brought here, and by name why one did not come."""
    brought: list[Source] = []
    lost: dict[str, str] = {}
    for one in sources:
        try:
            brought.append(located(one))
        except SourceUnusable as error:
            brought.append(one)
            lost[one.name] = error.sentence
    return brought, lost


def probe_ids(sources: Sequence[Source]) -> list[list[int]]:
    """Token ids that every source knows, shape (PROBES, PROBE_LENGTH)."""
    sizes = [size for one in sources if (size := vocabulary(one)) is not None]
    ids = np.random.default_rng(0).integers(0, min(sizes, default=1000), (PROBES, PROBE_LENGTH))
    return [[int(one) for one in row] for row in ids]


def vocabulary(source: Source) -> int | None:
    """The vocabulary size that a source's config says, or its base's; None if it says none."""
    folder = Path(source.base or "") if source.kind == "adapter" else source.folder
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    inner = config.get("text_config")
    size = (inner if isinstance(inner, dict) else config).get("vocab_size")
    return size if isinstance(size, int) and size > 0 else None


def look(pool: WorkerPool, source: Source, ids: list[list[int]]) -> tuple[Measured, np.ndarray | None]:
    """What a worker tells of a source, and its logits on the probe, shape (PROBES, vocabulary)."""
    row = Row(source, (), Sampling())
    (found,) = measure(pool, "probe", [row], {"ids": ids})
    if found.error is not None:
        return found, None
    return found, np.array(found.fields["logits"], dtype=np.float32)


def identity(
    source: Source, base: Source | None, hashes: Hashes, told: Mapping[Source, tuple[Measured, np.ndarray | None]]
) -> Identity:
    """What one source is, seen alone and against the base."""
    if source not in told:
        return Identity(source)
    measured, logits = told[source]
    try:
        files = hashes_of(source, hashes)
        is_base = base is not None and source.kind == "model" and source.path == base.path
        change = weight_change(source, base) if base is not None and not is_base else None
    except (SourceUnusable, OSError, KeyError, ValueError) as error:
        return Identity(source, error=sentence_of(error))
    if measured.error is not None:
        return Identity(source, files, digest(files, source, weights_only=True), change, error=measured.error)
    facts = measured.fields
    template = facts["template"]
    made = Identity(
        source,
        files,
        digest(files, source, weights_only=True),
        change,
        facts["matched"],
        difference(logits, told[base][1]) if base is not None and base in told and not is_base else None,
        template,
        hashlib.sha256(template.encode()).hexdigest()[:12] if template else None,
        tuple((one, text) for one, text in facts["stop_tokens"]),
        facts["dtype"],
        facts["device"],
        facts["parameters"],
        is_base,
    )
    return with_own_warnings(made, facts, base, told)


def difference(logits: np.ndarray | None, others: np.ndarray | None) -> float | None:
    """The largest absolute difference of two sets of logits, over the vocabulary that both have."""
    if logits is None or others is None:
        return None
    shared = min(logits.shape[1], others.shape[1])
    return float(np.abs(logits[:, :shared] - others[:, :shared]).max())


def with_own_warnings(
    made: Identity,
    facts: Mapping[str, Any],
    base: Source | None,
    told: Mapping[Source, tuple[Measured, np.ndarray | None]],
) -> Identity:
    """The warnings that one source gives by itself, or against its base and its training."""
    matched = made.matched
    if matched is not None and (matched["missing"] or matched["unexpected"]):
        names = ", ".join(matched["names"][:3])
        made = made.warned(
            "adapter-unmatched",
            matched=matched["matched"],
            missing=matched["missing"],
            extra=matched["unexpected"],
            names=names,
        )
    if made.change is not None and made.change.compared and made.change.relative == 0 and base is not None:
        made = made.warned("no-change", base=base.name)
    elif made.probe is not None and made.probe <= SAME_LOGITS and base is not None:
        made = made.warned("same-logits", base=base.name, difference=made.probe)
    if made.template is None:
        made = made.warned("no-template")
    end, text = facts["end_token"]
    if end is not None and facts["model_stop_ids"] and end not in facts["model_stop_ids"]:
        made = made.warned("stop-differs", token=text, ids=", ".join(str(one) for one in facts["model_stop_ids"]))
    trained = template_of_training(made.source)
    if trained is not None and made.template is not None and trained.strip() != made.template.strip():
        made = made.warned("template-not-of-training")
    if base is not None and base in told and not told[base][0].error and not made.is_base:
        mine, theirs = vocabulary(made.source), vocabulary(base)
        if mine is not None and theirs is not None and mine != theirs:
            made = made.warned("vocabulary-differs", mine=mine, base=base.name, theirs=theirs)
    return made


def template_of_training(source: Source) -> str | None:
    """The chat template that a run's training used, from the first checkpoint that it saved; None if nobody can tell."""
    if source.run is None:
        return None
    for folder in sorted(source.folder.parent.glob("checkpoint-*"), key=lambda one: (len(one.name), one.name)):
        try:
            return (folder / "chat_template.jinja").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return None


def compared(found: list[Identity]) -> list[Identity]:
    """The warnings that show only when sources stand beside each other."""
    made = []
    for one in found:
        twins = [
            other.source.name
            for other in found
            if other is not one and one.weights is not None and other.weights == one.weights
        ]
        made.append(one.warned("same-weights", others=", ".join(twins)) if twins else one)
    templates = {one.template_hash for one in made if one.error is None and one.stops}
    if len(templates) > 1:
        made = [
            one.warned("templates-differ", hash=one.template_hash or "-") if one.error is None and one.stops else one
            for one in made
        ]
    return made
