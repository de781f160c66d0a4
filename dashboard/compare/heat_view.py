"""How likely a model finds each token of an answer, as a heat map in HTML."""

from __future__ import annotations

import math

from dashboard.html import note, text
from dashboard.texts import Words
from diagnostics.compare.models.writers import TokenScores
from diagnostics.run.refusal import said

# The shades by the token's probability: each step is fainter ink, so that one colour serves every kind of sight, and
# the lightness both pages. From as good as certain to one in ten thousand.
BOUNDS = (0.9, 0.5, 0.1, 0.01, 0.0001)
VISIBLE = {"\n": "⏎\n", "\t": "⇥\t"}


def shade(logprob: float) -> int:
    """The shade of a token, 0 (as good as certain) to 5 (hardly ever)."""
    return sum(logprob < math.log(bound) for bound in BOUNDS)


def heat_html(scores: TokenScores, answered: str, judge: str, words: Words) -> str:
    """The answer's tokens on shades of their probability under `judge`; what is not its first choice is underlined."""
    if scores.error is not None:
        return note(said(scores.error, words.lang), "error")
    if not scores.tokens:
        return note(words("heat.none"))
    tokens = "".join(
        token_html(token, logprob, rank, words)
        for token, logprob, rank in zip(scores.tokens, scores.logprobs, scores.ranks, strict=True)
    )
    return (
        f'<div class="quiet">{text(words("heat.of", answered=answered, judge=judge))}</div>'
        f"{legend_html(words)}"
        f'<div class="answer heat">{tokens}</div><div class="measures">{text(summary(scores, words))}</div>'
    )


def token_html(token: str, logprob: float, rank: int, words: Words) -> str:
    """One token; its number, share and rank are told where it is pointed at."""
    title = words("heat.token", logprob=logprob, share=100 * math.exp(logprob), rank=rank)
    shown = VISIBLE.get(token, token) or "·"
    kind = f"h{shade(logprob)}" + (" second" if rank > 1 else "")
    return f'<span class="{kind}" title="{text(title)}">{text(shown)}</span>'


def legend_html(words: Words) -> str:
    """What the shades mean."""
    bounds = [f"≥ {100 * bound:g} %" for bound in BOUNDS] + [f"< {100 * BOUNDS[-1]:g} %"]
    shades = "".join(f'<span class="h{number}">{label}</span>' for number, label in enumerate(bounds))
    return f'<div class="legend heat">{shades}<span class="second">{text(words("heat.second"))}</span></div>'


def summary(scores: TokenScores, words: Words) -> str:
    """The mean over the answer: log-probability, perplexity, how often its token was the model's first choice."""
    mean = sum(scores.logprobs) / len(scores.logprobs)
    first = sum(rank == 1 for rank in scores.ranks)
    return words(
        "heat.summary",
        mean=mean,
        perplexity=math.exp(min(-mean, 700.0)),
        first=first,
        count=len(scores.ranks),
    )
