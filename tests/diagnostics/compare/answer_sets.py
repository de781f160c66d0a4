"""Answer sets for the tests of comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.prompts import Prompt


def prompts(texts: Sequence[str], tags: Sequence[tuple[str, ...]] = ()) -> tuple[Prompt, ...]:
    return tuple(
        Prompt(number, ({"role": "user", "content": text},), tags=tags[number] if tags else ())
        for number, text in enumerate(texts)
    )


def scored_set(
    asked: Sequence[Prompt],
    scores: dict[str, Callable[[int, int], float]],
    seeds: Sequence[int] = (0,),
    name: str = "score",
) -> AnswerSet:
    """Answers whose score is a function of prompt and seed, by source."""
    answers = [
        Answer(source, one.number, seed, f"{source} {one.number}", 5, "end", scores={name: value(one.number, seed)})
        for source, value in scores.items()
        for one in asked
        for seed in seeds
    ]
    return AnswerSet(tuple(scores), tuple(asked), tuple(seeds)).with_answers(answers)


def written_set(asked: Sequence[Prompt], texts: dict[str, Callable[[int], str]], stop: str = "end") -> AnswerSet:
    """Answers with these texts, by source; a word is a token."""
    answers = [
        Answer(source, one.number, 0, written := text(one.number), len(written.split()), stop)
        for source, text in texts.items()
        for one in asked
    ]
    return AnswerSet(tuple(texts), tuple(asked), (0,)).with_answers(answers)
