"""The prompt sets that can be chosen: the held-out prompts of a run, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.texts import Words
from diagnostics.compare.prompts import Prompt, PromptsUnreadable, prompt_of, read_prompts
from diagnostics.run import Run

# What a run keeps of a prompt beside it; of these a set's own fields are made again.
TAG_COLUMNS = ("tags", "tag", "lang", "topic")


def runs_with_prompts(clinic: Clinic) -> list[str]:
    """The runs that kept the prompts they were judged on."""
    return [run.name for run in clinic.runs()[0] if run.samples]


def held_out(run: Run) -> tuple[Prompt, ...]:
    """The prompts that a run was judged on, each once, in their order, with their columns."""
    seen: dict[str, Prompt] = {}
    for sample in run.samples:
        if sample.prompt not in seen:
            row = {**sample.columns, "prompt": sample.prompt}
            tags = [str(row[one]) for one in TAG_COLUMNS if isinstance(row.get(one), str)]
            seen[sample.prompt] = replace(prompt_of(row, len(seen), run.name), tags=tuple(tags))
    return tuple(seen.values())


def prompts_of(clinic: Clinic, run: str | None, path: str | None, most: int, words: Words) -> tuple[Prompt, ...]:
    """The chosen set, at most `most` of it spread evenly over the whole: a file before a run.

    Raises:
        PromptsUnreadable: the file cannot be used, or nothing was chosen. The message is one sentence.
    """
    if path and path.strip():
        found = read_prompts(Path(path.strip()).expanduser())
    else:
        one = clinic.run(run) if run else None
        if one is None or not one.samples:
            raise PromptsUnreadable(words("set.choose_set"))
        found = held_out(one)
    return spread(found, most)


def spread(prompts: Sequence[Prompt], most: int) -> tuple[Prompt, ...]:
    """At most so many prompts, evenly from first to last: sets are often sorted by topic or language."""
    if len(prompts) <= most:
        return tuple(prompts)
    return tuple(prompts[place * len(prompts) // most] for place in range(most))
