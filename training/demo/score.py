"""How good is an answer of the demo's agent? Rules over the grammar, independent of any model.

Each function has the signature of a TRL reward function: it is called with `prompts`, `completions` and one list per
further column of the data set, and returns one float per completion. The columns needed here are those of
`held_out.jsonl`: `lang`, `intent`, `order`; and `finished`, whether the answer ended by itself within the token budget.

Can be gamed by: repeating an answer of the grammar word for word. That is what the demo trains for, so a high score
means "learned the grammar's manners", not "speaks well about anything".
"""

from __future__ import annotations

import re
from typing import Any

from training.demo.grammar import LANGUAGES, Intent

ORDER = re.compile(r"[A-D]\d{2}")
SENTENCE_END = re.compile(r"[.!?。！？]")

# The score of one answer, 0 to 1: the sum of the four weights below times the share reached, less the penalties.
WEIGHTS = {"right_topic": 0.35, "right_order": 0.25, "polite": 0.30, "finished": 0.10}
RUDE_PENALTY = 0.40
REPEAT_PENALTY = 0.15  # for each sentence said again, at most two


def text_of(completion: Any) -> str:
    """The text of a completion, which TRL passes as a string or as a list of messages."""
    return completion if isinstance(completion, str) else "".join(message["content"] for message in completion)


def intent_of(lang: str, name: str) -> Intent:
    """The grammar's intent of that name."""
    return next(intent for intent in LANGUAGES[lang].intents if intent.name == name)  # type: ignore[index]


def right_topic(prompts: list, completions: list, lang: list, intent: list, **columns: Any) -> list[float]:
    """1 if the answer holds a key phrase of the question's intent, and of no other intent; else 0."""
    scores = []
    for completion, language, name in zip(completions, lang, intent, strict=True):
        text = text_of(completion).lower()
        found = {one.name for one in LANGUAGES[language].intents if any(key.lower() in text for key in one.keys)}
        scores.append(float(found == {name}))
    return scores


def right_order(prompts: list, completions: list, lang: list, intent: list, order: list, **columns: Any) -> list[float]:
    """1 if the answer names the customer's order number and no other; where none was asked for, 1 if it names none.

    An answer about the right order that the grammar gives without a number (a few do) counts as right.
    """
    scores = []
    for completion, language, name, number in zip(completions, lang, intent, order, strict=True):
        named = set(ORDER.findall(text_of(completion)))
        needs_number = number and all("{order}" in answer for answer in intent_of(language, name).answers)
        allowed = {number} if number else set()
        scores.append(float(named == allowed if needs_number else named <= allowed))
    return scores


def polite(prompts: list, completions: list, lang: list, **columns: Any) -> list[float]:
    """0, 0.5 or 1: how many polite phrases of the answer's language were found, two being enough."""
    scores = []
    for completion, language in zip(completions, lang, strict=True):
        text = text_of(completion).lower()
        scores.append(min(sum(phrase in text for phrase in LANGUAGES[language].polite), 2) / 2)
    return scores


def score(
    prompts: list,
    completions: list,
    lang: list,
    intent: list,
    order: list,
    finished: list | None = None,
    **columns: Any,
) -> list[float]:
    """The whole judgement, 0 to 1: topic, order number, manners and an end; less rudeness and repetition."""
    parts = {
        "right_topic": right_topic(prompts, completions, lang, intent),
        "right_order": right_order(prompts, completions, lang, intent, order),
        "polite": polite(prompts, completions, lang),
        "finished": [float(one) for one in finished] if finished else [1.0] * len(completions),
    }
    scores = []
    for position, (completion, language) in enumerate(zip(completions, lang, strict=True)):
        text = text_of(completion).lower()
        total = sum(weight * parts[name][position] for name, weight in WEIGHTS.items())
        sentences = [part.strip() for part in SENTENCE_END.split(text) if part.strip()]
        repeats = len(sentences) - len(set(sentences))
        rude = any(phrase.lower().rstrip(".。") in text for phrase in LANGUAGES[language].rude)
        scores.append(max(0.0, total - RUDE_PENALTY * rude - REPEAT_PENALTY * min(repeats, 2)))
    return scores
