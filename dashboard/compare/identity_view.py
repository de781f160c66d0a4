"""Proof that each pane is itself, as cards in HTML."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.compare.panes_view import grid, name_html
from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.compare.models.fingerprint import Hashes, digest, hashes_of
from diagnostics.compare.models.proof import Identity
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.compare.words import warning
from diagnostics.run.refusal import said

# What makes a comparison one of a model with itself, or of less than what was trained: said in red.
LOUD = frozenset({"same-weights", "no-change", "same-logits", "adapter-unmatched"})
HEX = 12  # so many digits of a hash tell files apart by eye


def twins(hashes: Hashes, sources: Sequence[Source]) -> list[list[str]]:
    """The groups of sources that answer from the very same weights. Reads each file of weights once."""
    groups: dict[str, list[str]] = {}
    for one in sources:
        try:
            files = hashes_of(one, hashes)
        except (SourceUnusable, OSError):
            continue  # its pane says why it cannot be read
        if files:
            groups.setdefault(digest(files, one, weights_only=True), []).append(one.name)
    return [names for names in groups.values() if len(names) > 1]


def twins_html(groups: Sequence[Sequence[str]], words: Words) -> str:
    """The warning above panes that answer from the same weights; nothing where there are none."""
    return "".join(note(words("identity.twins", names=" = ".join(names)), "error") for names in groups)


def identities_html(found: Sequence[Identity], words: Words) -> str:
    """A card for each source: its warnings first, then what they are told from."""
    return grid("".join(identity_html(one, words) for one in found), len(found))


def identity_html(one: Identity, words: Words) -> str:
    """One source's card."""
    badge = pill(words("compare.base_badge"), "info") if one.is_base else ""
    parts = [f'<div class="pane-name">{name_html(one.source.name)} {badge}</div>']
    if one.error is not None:
        parts.append(note(said(one.error, words.lang), "error"))
    parts += [
        note(warning(key, words.lang, **facts), "error" if key in LOUD else "warning") for key, facts in one.warnings
    ]
    rows = [(words(f"identity.{key}"), value) for key, value in facts_of(one, words)]
    parts.append(
        '<table class="facts">'
        + "".join(f'<tr><th scope="row">{text(key)}</th><td>{text(value)}</td></tr>' for key, value in rows)
        + "</table>"
    )
    if one.files:
        files = "".join(
            f"<tr><td>{text(file.path.rpartition('/')[2])}</td><td>{file.bytes:,}</td>"
            f'<td title="{text(file.sha256)}"><code>{text(file.sha256[:HEX])}</code></td></tr>'
            for file in one.files
        )
        parts.append(
            f"<details><summary>{text(words('identity.files', count=len(one.files)))}</summary>"
            f'<div class="scroll"><table class="facts">{files}</table></div></details>'
        )
    if one.template:
        parts.append(
            f"<details><summary>{text(words('identity.template_text', hash=one.template_hash))}</summary>"
            f'<pre class="command">{text(one.template)}</pre></details>'
        )
    return f'<div class="pane identity">{"".join(parts)}</div>'


def facts_of(one: Identity, words: Words) -> list[tuple[str, str]]:
    """What is known of a source, by the key of its name in the words."""
    facts = [("path", one.source.path if one.source.kind != "endpoint" else f"{one.source.path}#{one.source.model}")]
    if one.source.base:
        facts.append(("adapter_base", one.source.base))
    if one.weights:
        facts.append(("weights", one.weights[:HEX]))
    if one.change is not None:
        told = words(
            "identity.change_told",
            relative=100 * one.change.relative,
            changed=one.change.changed,
            compared=one.change.compared,
        )
        if one.change.largest:
            told += words("identity.change_most", tensor=one.change.largest[0], share=100 * one.change.largest[1])
        facts.append(("change", told))
    if one.probe is not None:
        facts.append(("probe", words("identity.probe_told", difference=one.probe)))
    if one.matched is not None:
        facts.append(
            (
                "matched",
                words(
                    "identity.matched_told",
                    matched=one.matched["matched"],
                    missing=one.matched["missing"],
                    extra=one.matched["unexpected"],
                ),
            )
        )
    if one.stops:
        facts.append(("stops", ", ".join(f"{token} ({number})" for number, token in one.stops)))
    if one.parameters is not None:
        facts.append(("size", f"{one.parameters:,} · {one.dtype} · {one.device}"))
    return facts
