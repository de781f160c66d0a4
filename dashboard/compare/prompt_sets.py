"""The prompt sets that can be chosen: the held-out prompts of a run, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.texts import Words
from diagnostics.compare.prompts import Prompt, PromptsUnreadable, prompt_of, read_prompts
from diagnostics.run import Run
from diagnostics.run.refusal import Sentence

# A column that sorts the prompts into this many kinds or fewer, each of so many prompts or more on average, is a tag.
MOST_KINDS, LEAST_OF_A_KIND = 12, 6
# Told from the prompt itself, as a slice of its own.
NO_TAGS = frozenset({"lang", "language"})


def runs_with_prompts(clinic: Clinic) -> list[str]:
    """The runs that kept the prompts they were judged on."""
    return [run.name for run in clinic.runs()[0] if run.samples]


def held_out(run: Run) -> tuple[Prompt, ...]:
    """The prompts that a run was judged on, each once, in their order, with their columns and with tags from these."""
    rows = {sample.prompt: {**sample.columns, "prompt": sample.prompt} for sample in run.samples}
    sorting = [
        name
        for name in dict.fromkeys(name for row in rows.values() for name in row)
        if name not in NO_TAGS and is_tag([row.get(name) for row in rows.values()])
    ]
    return tuple(
        replace(
            prompt_of(row, number, Sentence(run.name, run.name)),
            tags=tuple(str(row[name]) for name in sorting if row.get(name)),
        )
        for number, row in enumerate(rows.values())
    )


def is_tag(values: Sequence[object]) -> bool:
    """Whether a column sorts the prompts into a few kinds."""
    texts = [one for one in values if isinstance(one, str) and one]
    kinds = len(set(texts))
    return 1 < kinds <= MOST_KINDS and len(texts) >= LEAST_OF_A_KIND * kinds


def reward_of(run: Run | None) -> str:
    """The reward function that a run judged its answers by, as it is written; nothing if it named none."""
    named = run.config.get("sample_rewards", run.config.get("reward_funcs")) if run else None
    first = named[0] if isinstance(named, list) and named else named
    return first if isinstance(first, str) and ":" in first else ""


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
            raise PromptsUnreadable.of(words("set.choose_set"))
        found = held_out(one)
    return spread(found, most)


def spread(prompts: Sequence[Prompt], most: int) -> tuple[Prompt, ...]:
    """At most so many prompts, evenly from first to last: sets are often sorted by topic or language."""
    if len(prompts) <= most:
        return tuple(prompts)
    return tuple(prompts[place * len(prompts) // most] for place in range(most))
