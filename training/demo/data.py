"""The demo's data sets, written as JSON Lines: the same bytes for the same seed.

base/train.jsonl, base/test.jsonl    input_ids, labels: raw transcripts without chat markup
sft/train.jsonl, sft/test.jsonl      messages: answers of mixed quality
overtraining/train.jsonl             messages: varied ones, then eight over and over
dpo/train.jsonl, dpo/test.jsonl      prompt, chosen, rejected
reward/train.jsonl, reward/test.jsonl    prompt, chosen, rejected: as for DPO, and answers that would fool a reward model
kto/train.jsonl, kto/test.jsonl      prompt, completion, label: single answers, half of them wanted
prompts/train.jsonl, prompts/test.jsonl  prompt, lang, intent, order: what the online methods (GRPO, RLOO, PPO) answer
held_out.jsonl                       prompt, lang, intent, order: phrasings that no stage was trained on
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from training.demo.grammar import LANGUAGES, ORDER_NUMBERS, Case, Lang, Style, answer, draw_case, near_miss

# Mixed on purpose: an assistant that has seen rude and rambling answers leaves something for DPO to improve.
SFT_STYLES: dict[Style, float] = {"plain": 0.40, "good": 0.30, "rude": 0.08, "rude_answer": 0.17, "rambling": 0.05}
BASE_STYLES: dict[Style, float] = {"good": 0.35, "plain": 0.5, "rude": 0.05, "rude_answer": 0.1}
REJECTED_STYLES: dict[Style, float] = {
    "plain": 0.20,
    "rude": 0.10,
    "rude_answer": 0.15,
    # Without plenty of these DPO learns manners only, and trades the right topic for them.
    "off_topic": 0.30,
    "wrong_order": 0.20,
    "rambling": 0.05,
}
# What a reward model must see to stay honest. Polite answers that are off topic or name another order: without them it
# looks for a closing phrase and nothing else (evaluation accuracy 1.000, measured). Manners without a resolution and
# sentences said again: what a policy trained on such a reward model was seen to write.
REWARD_REJECTED_STYLES: dict[Style, float] = {
    "plain": 0.12,
    "rude": 0.08,
    "rude_answer": 0.10,
    "off_topic": 0.30,
    "wrong_order": 0.20,
    "rambling": 0.06,
    "manners_only": 0.07,
    "repeating": 0.07,
}

BASE_ROWS = 24_000
SFT_ROWS = 4_000
DPO_ROWS = 1_600
REWARD_ROWS = 3_200
KTO_ROWS = 2_000
PROMPT_ROWS = 1_600
TEST_ROWS = 64
REWARD_TEST_ROWS = 256  # an accuracy of 0.9 is then known to 0.04
# 80 steps of 16 varied conversations, then 80 steps of the same eight.
OVERTRAINING_ROWS = (80 * 16, 80 * 16)
HELD_OUT_ROWS = 192  # half of them Chinese


def pick(rng: random.Random, styles: dict[Style, float]) -> Style:
    """One style, drawn by weight."""
    return rng.choices(list(styles), list(styles.values()))[0]


def any_language(rng: random.Random) -> Lang:
    """English or Chinese, evenly."""
    return rng.choice(("en", "zh"))


def user(text: str) -> list[dict[str, str]]:
    """A conversation of one customer turn."""
    return [{"role": "user", "content": text}]


def assistant(text: str) -> list[dict[str, str]]:
    """A conversation of one agent turn."""
    return [{"role": "assistant", "content": text}]


def base_text(rng: random.Random) -> str:
    """One document of the base model's corpus: a transcript, an FAQ line, a note or a list of orders."""
    lang = any_language(rng)
    case = draw_case(rng, lang)
    reply = answer(rng, case, pick(rng, BASE_STYLES))
    space = LANGUAGES[lang].space
    kind = rng.random()
    if kind < 0.55:
        return f"顾客：{case.question}\n客服：{reply}" if lang == "zh" else f"Customer: {case.question}\nAgent: {reply}"
    if kind < 0.75:
        return f"问题：{case.question} 回答：{reply}" if lang == "zh" else f"Question: {case.question} Answer: {reply}"
    if kind < 0.88:
        return case.question + space + reply
    if kind < 0.94:
        order, item = case.slots["order"], case.slots["item"]
        return (f"{item}，订单{order}。" if lang == "zh" else f"Note: order {order}, {item}. ") + reply
    numbers = rng.sample(ORDER_NUMBERS, rng.randint(2, 4))
    if lang == "zh":
        return f"订单：{'，'.join(numbers)}。完成：{'，'.join(numbers)}。"
    return f"Orders: {', '.join(numbers)}. Done: {', '.join(numbers)}."


def sft_row(rng: random.Random) -> dict[str, Any]:
    """One conversation with an answer of mixed quality."""
    case = draw_case(rng, any_language(rng))
    return {"messages": user(case.question) + assistant(answer(rng, case, pick(rng, SFT_STYLES)))}


def overtraining_rows(varied: int, repeated: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Conversations in the order they are to be trained on: varied ones, then eight over and over."""
    yield from (sft_row(rng) for _ in range(varied))
    few = [sft_row(rng) for _ in range(8)]
    yield from (few[number % len(few)] for number in range(repeated))


def rejected_answer(rng: random.Random, case: Case, styles: dict[Style, float]) -> str:
    """An answer in one of the styles to be rejected; where a question names no order, off topic for a wrong order."""
    style = pick(rng, styles)
    return answer(rng, case, "off_topic" if style == "wrong_order" and not case.order else style)


def preference(case: Case, chosen: str, rejected: str) -> dict[str, Any]:
    """A preference row of two answers to a case."""
    return {"prompt": user(case.question), "chosen": assistant(chosen), "rejected": assistant(rejected)}


def preference_row(rng: random.Random) -> dict[str, Any]:
    """One preference: a polite and right answer over a plain, rude, off-topic, wrong or rambling one."""
    case = draw_case(rng, any_language(rng))
    chosen, rejected = answer(rng, case, "good"), rejected_answer(rng, case, REJECTED_STYLES)
    while rejected == chosen:
        rejected = answer(rng, case, "off_topic")
    return preference(case, chosen, rejected)


def reward_row(rng: random.Random) -> dict[str, Any]:
    """One preference for the reward model: where both answers are polite, what is wrong is all they differ in."""
    case = draw_case(rng, any_language(rng))
    style = pick(rng, REWARD_REJECTED_STYLES)
    if style == "wrong_order" and not case.order:
        style = "off_topic"
    chosen = rejected = ""
    while chosen == rejected:
        if style in ("off_topic", "wrong_order"):
            chosen, rejected = near_miss(rng, case, style)
        else:
            chosen, rejected = answer(rng, case, "good"), answer(rng, case, style)
    return preference(case, chosen, rejected)


def kto_row(rng: random.Random) -> dict[str, Any]:
    """One answer with whether it is wanted, half of the time each."""
    case = draw_case(rng, any_language(rng))
    wanted = rng.random() < 0.5
    text = answer(rng, case, "good") if wanted else rejected_answer(rng, case, REJECTED_STYLES)
    return {"prompt": user(case.question), "completion": assistant(text), "label": wanted}


def prompt_of(case: Case) -> dict[str, Any]:
    """A prompt with what a reward function may want to know of it."""
    return {"prompt": user(case.question), "lang": case.lang, "intent": case.intent.name, "order": case.order or ""}


def prompt_row(rng: random.Random) -> dict[str, Any]:
    """One prompt for the methods that write their answers themselves."""
    return prompt_of(draw_case(rng, any_language(rng)))


def held_out_rows(count: int, rng: random.Random) -> list[dict[str, Any]]:
    """`count` different prompts of held-out phrasings, English and Chinese in turn."""
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(rows) < count:
        lang: Lang = "zh" if len(rows) % 2 else "en"
        case: Case = draw_case(rng, lang, held_out=True)
        if case.question not in seen:
            seen.add(case.question)
            rows.append(prompt_of(case))
    return rows


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON Lines, under a temporary name until complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    temporary.replace(path)


def write_post_training_data(folder: Path, seed: int = 0) -> None:
    """Write the data of the stages after the base, and the held-out prompts, below `folder`."""
    stages: dict[str, tuple[Callable[[random.Random], dict[str, Any]], int, int]] = {
        "sft": (sft_row, SFT_ROWS, TEST_ROWS),
        "dpo": (preference_row, DPO_ROWS, TEST_ROWS),
        "reward": (reward_row, REWARD_ROWS, REWARD_TEST_ROWS),
        "kto": (kto_row, KTO_ROWS, TEST_ROWS),
        "prompts": (prompt_row, PROMPT_ROWS, TEST_ROWS),
    }
    for name, (make, *rows) in stages.items():
        for split, count in zip(("train", "test"), rows, strict=True):
            rng = random.Random(f"{seed}/{name}/{split}")
            write_jsonl(folder / name / f"{split}.jsonl", (make(rng) for _ in range(count)))
    rng = random.Random(f"{seed}/overtraining")
    write_jsonl(folder / "overtraining" / "train.jsonl", overtraining_rows(*OVERTRAINING_ROWS, rng))
    write_jsonl(folder / "held_out.jsonl", held_out_rows(HELD_OUT_ROWS, random.Random(f"{seed}/held_out")))


def base_texts(split: str, count: int, seed: int = 0) -> list[str]:
    """The base model's documents of one split."""
    rng = random.Random(f"{seed}/base/{split}")
    return [base_text(rng) for _ in range(count)]
