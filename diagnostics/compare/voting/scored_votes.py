"""The votes that a score would cast: a reward's or a judge's, on the same answers that people vote on."""

from __future__ import annotations

import math

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.voting.votes import TIE, Vote, Voter


def scored_votes(
    answers: AnswerSet, score: str, voter: Voter = "reward", margin: float = 0.0, time: float = 0.0
) -> tuple[Vote, ...]:
    """One vote for each prompt and seed that two sources or more have a finite score of.

    The highest score is chosen; if another is within `margin` of it, it is a tie of all.
    """
    found = []
    for prompt in answers.prompts:
        for seed in answers.seeds:
            scored = {
                source: (one.text, float(value))
                for source in answers.sources
                if (one := answers.answers.get((source, prompt.number, seed))) is not None
                and one.stop != "error"
                and (value := one.scores.get(score)) is not None
                and math.isfinite(value)
            }
            if len(scored) < 2:
                continue
            ordered = sorted(scored, key=lambda source: -scored[source][1])
            ahead = scored[ordered[0]][1] - scored[ordered[1]][1]
            texts = {source: text for source, (text, _) in scored.items()}
            chosen = ordered[0] if ahead > margin else TIE
            found.append(Vote(prompt.messages, texts, tuple(texts), chosen, voter, time, seed, score))
    return tuple(found)
