"""The shapes in which other projects keep their data: recognised, and made into rows as TRL's trainers read them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from diagnostics.preflight.columns import (
    SPEAKERS,
    SYNONYMS,
    TALKS,
    WrongColumns,
    check_rows,
    columns_read,
    hint,
    renames,
    shapes_of,
)
from diagnostics.preflight.material import Rows
from diagnostics.preflight.texts import said

Message = dict[str, Any]
Fate = Literal["becomes", "joins", "decides", "stays", "left"]

QUESTIONS = ("prompt", *SYNONYMS["prompt"])
REPLIES = ("completion", *SYNONYMS["completion"], "response_text", "generation", "generated_text")
CHOSEN = ("chosen", *SYNONYMS["chosen"], "win", "response_j", "answer_chosen", "good_response")
REJECTED = ("rejected", *SYNONYMS["rejected"], "lose", "response_k", "answer_rejected", "bad_response")
CONVERSATIONS = (*TALKS, *SYNONYMS["messages"])
DOCUMENTS = ("text", *SYNONYMS["text"], "raw_content", "passage", "article", "story")
RATINGS = (
    "rating", "score", "stars", "thumbs", "thumb", "thumbs_up", "feedback", "vote", "label", "labels", "is_good", "good",
    "desirable", "helpfulness", "quality", "overall", "overall_score", "reward", "liked",
)  # fmt: skip
LISTS = ("completions", "responses", "generations", "candidates", "answers", "outputs")
LIST_RATINGS = ("ratings", "scores", "rewards", "ranks")
IN_LIST = ("response", "text", "content", "completion", "answer", "output")
RATING_IN_LIST = ("overall_score", "rating", "score", "fine-grained_score", "reward")
SELECTORS = (
    "better_response_id", "preference", "winner", "choice", "label", "chosen_index", "preferred", "better", "overall_preference",
    "preference_strength", "safer_response_id", "chosen",
)  # fmt: skip
TWO = re.compile(r"^(?P<name>.*?)(?P<gap>[_ ]?)(?P<which>0|1|2|a|b|A|B)$")
GOOD = (
    "up",
    "good",
    "yes",
    "true",
    "positive",
    "like",
    "liked",
    "👍",
    "thumbs_up",
    "desirable",
    "chosen",
    "1",
    "+1",
    "好",
    "赞",
    "是",
)
BAD = ("down", "bad", "no", "false", "negative", "dislike", "disliked", "👎", "thumbs_down", "undesirable", "rejected", "0", "-1", "差", "踩", "否")  # fmt: skip
TRANSCRIPT = re.compile(r"(?:^|\n\n)(Human|Assistant|System): ?")
# TRL looks at any one of these to tell conversations from texts (`is_conversational`): of another form beside the prompt
# they would be taken for it.
READ_BY_TRL = ("prompt", "completion", "chosen", "rejected", "messages", "tools")
LOOKED_AT = 200  # rows that a shape is recognised by


class Unconvertible(Exception):
    """A row that cannot be converted. `reason` is a key of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


REASONS = {
    "en": {
        "empty-prompt": "the question is empty",
        "empty-answer": "an answer is empty",
        "no-answer": "the conversation has no answer of the assistant",
        "no-pair": "there are no two answers to compare",
        "no-label": "nothing says whether the answer is good",
        "tie": "no answer is better than the other",
        "equal": "both answers are the same",
        "middle": "the rating is in the middle of the scale",
        "bad": "the answer is labelled as bad",
        "speaker": "it is not known who speaks",
        "kind": "a value is of another kind than in the other rows",
        "turns": "it has a system prompt or several turns, which are no plain texts",
    },
    "zh": {
        "empty-prompt": "问题为空",
        "empty-answer": "回答为空",
        "no-answer": "对话里没有助手的回答",
        "no-pair": "没有两个回答可以比较",
        "no-label": "没有标明回答的好坏",
        "tie": "两个回答不分高下",
        "equal": "两个回答相同",
        "middle": "评分恰在中间",
        "bad": "该回答被标为不好",
        "speaker": "无法确定说话者",
        "kind": "值的类型与其他行不同",
        "turns": "含有系统提示或多轮对话，不能写成纯文本",
    },
}
FATES = {
    "en": {
        "becomes": "{column} becomes {target}",
        "joins": "{column} is joined to {target}",
        "decides": "{column} decides what becomes {target}",
        "stays": "{column} stays as it is",
        "left": "{column} is left out",
    },
    "zh": {
        "becomes": "{column} 变为 {target}",
        "joins": "{column} 并入 {target}",
        "decides": "{column} 决定 {target}",
        "stays": "{column} 保持不变",
        "left": "{column} 不保留",
    },
}


@dataclass(frozen=True)
class Case:
    """A row of any shape, read: what leads to the answers, and the answers with what is known of each.

    `prompt`: messages; `answers`: (messages, worth) with worth a number, or None where nothing is known. `text`: a plain
    text instead. `tools`, as the row has them.
    """

    prompt: list[Message] = field(default_factory=list)
    answers: list[tuple[list[Message], float | None]] = field(default_factory=list)
    text: str | None = None
    tools: Any = None


@dataclass(frozen=True)
class Shape:
    """A shape that was recognised in some rows: its name, how a row is read, and what each column that it uses becomes.

    `uses`: (column, fate, part) with the part `prompt`, `answer`, `chosen`, `rejected`, `text`, `messages` or `tools`.
    `worth`: `label` (above 0 is good), `rank` (more is better among the answers of a row) or None.
    """

    name: str
    read: Callable[[Mapping[str, Any]], Case]
    uses: tuple[tuple[str, Fate, str], ...]
    worth: Literal["label", "rank"] | None = None


@dataclass(frozen=True)
class Proposal:
    """How rows of a known shape become rows that a method reads.

    `mapping`: a `column_mapping` that suffices; None where the file has to be converted. `fates`: what happens to each
    column: (column, fate, target). `converted`: rows that will be written of the `looked_at`; `lost`: by reason (a key of
    `REASONS`), how many cannot, and the numbers of up to five.
    """

    shape: str
    method: str
    mapping: dict[str, str] | None
    fates: tuple[tuple[str, Fate, str], ...]
    looked_at: int
    converted: int
    lost: Mapping[str, tuple[int, tuple[int, ...]]]

    def said(self, lang: Literal["en", "zh"] = "en") -> tuple[str, ...]:
        """The proposal in sentences: a line for each column, and one for each reason why rows are lost."""
        lines = [FATES[lang][fate].format(column=column, target=target) for column, fate, target in self.fates]
        for reason, (count, numbers) in self.lost.items():
            shown = ", ".join(map(str, numbers)) + (" …" if count > len(numbers) else "")
            lines.append(
                f"{count} rows cannot be converted: {REASONS[lang][reason]} (rows {shown})"
                if lang == "en"
                else f"{count} 行无法转换：{REASONS[lang][reason]}（行 {shown}）"
            )
        return tuple(lines)


def user(text: Any) -> list[Message]:
    """What a person asks, as messages: a text, or the conversation that it is already."""
    if isinstance(text, list):
        return talk_of(text)
    if not isinstance(text, str):
        raise Unconvertible("kind" if text is not None else "empty-prompt")
    if TRANSCRIPT.match(text):
        return transcript(text)
    if not text.strip():
        raise Unconvertible("empty-prompt")
    return [{"role": "user", "content": text}]


def reply(text: Any) -> list[Message]:
    """An answer as messages."""
    if isinstance(text, list):
        return talk_of(text)
    if not isinstance(text, str):
        raise Unconvertible("kind" if text is not None else "empty-answer")
    if not text.strip():
        raise Unconvertible("empty-answer")
    return [{"role": "assistant", "content": text}]


def talk_of(value: Any) -> list[Message]:
    """A conversation as messages with the roles that chat templates know; what else a message holds is kept."""
    if not isinstance(value, list) or not value:
        raise Unconvertible("kind")
    made = []
    for one in value:
        if not isinstance(one, Mapping):
            raise Unconvertible("kind")
        role, content = said(one)
        if role.lower() not in SPEAKERS:
            raise Unconvertible("speaker")
        held = {
            key: it
            for key, it in one.items()
            if key not in ("role", "from", "content", "value", "weight") and it is not None
        }
        raw = one.get("content", one.get("value"))
        made.append({"role": SPEAKERS[role.lower()], "content": raw if isinstance(raw, list) else content, **held})
    return made


def transcript(text: str) -> list[Message]:
    """A text of "Human:" and "Assistant:" paragraphs (Anthropic's HH-RLHF) as messages; an open last turn is left out."""
    parts = TRANSCRIPT.split(text)
    turns = zip(parts[1::2], parts[2::2], strict=True)
    roles = {"Human": "user", "Assistant": "assistant", "System": "system"}
    return [{"role": roles[who], "content": content.strip()} for who, content in turns if content.strip()]


def with_system(row: Mapping[str, Any], messages: list[Message]) -> list[Message]:
    """Messages with what the column `system` or `system_prompt` says before them, unless a system speaks already."""
    for name in SYSTEMS:
        text = row.get(name)
        if isinstance(text, str) and text.strip() and messages and messages[0]["role"] != "system":
            return [{"role": "system", "content": text}, *messages]
    return messages


SYSTEMS = ("system", "system_prompt", "system_message")


def cut(messages: list[Message]) -> Case:
    """A conversation as what leads to its last answer, and that answer."""
    if messages and messages[-1]["role"] == "assistant":
        return Case(messages[:-1], [(messages[-1:], None)])
    return Case(messages)


def shared_prompt(one: list[Message], other: list[Message]) -> Case:
    """Two conversations as what both begin with, and the two ends; the first is the better one."""
    at = 0
    while at < min(len(one), len(other)) - 1 and one[at] == other[at]:
        at += 1
    while at and one[at - 1]["role"] == "assistant":
        at -= 1
    return Case(one[:at], [(one[at:], 1.0), (other[at:], 0.0)])


def first_of(names: Iterable[str], row: Mapping[str, Any], *kinds: type) -> str | None:
    """The first of some columns that the row has with a value of some kind."""
    return next((one for one in names if isinstance(row.get(one), kinds or (str, list))), None)


def typical(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """For each column the first value that is not empty: what the column holds."""
    found: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if name not in found and value is not None and value != "" and value != []:
                found[name] = value
    return found


def recognise(rows: Sequence[Mapping[str, Any]]) -> Shape | None:
    """The shape of some rows; None if it is none of those known. `rows`: all at hand, of which the first are looked at."""
    first = [rows[at] for at in range(min(len(rows), LOOKED_AT))]
    row = typical(first)
    for look in (a_choice, a_list, a_pair, a_talk, a_rating, an_instruction, an_answer, a_question, a_document):
        shape = look(row, first)
        if shape is not None:
            return shape
    return None


def system_use(row: Mapping[str, Any]) -> list[tuple[str, Fate, str]]:
    """The system column's part, if there is one."""
    return [(name, "joins", "prompt") for name in SYSTEMS if isinstance(row.get(name), str)][:1]


def asked(row: Mapping[str, Any], question: str | None) -> list[Message]:
    """The prompt of a row from its question and its system column."""
    return with_system(row, user(row[question])) if question else []


def a_talk(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Whole conversations: ShareGPT's (from, value) or with role and content; OpenAI's with tools beside them."""
    name = next((one for one in CONVERSATIONS if is_talk(row.get(one))), None)
    if name is None:
        return None
    tools = next((one for one in ("tools", "functions") if row.get(one)), None)

    def read(one: Mapping[str, Any]) -> Case:
        case = cut(with_system(one, talk_of(one.get(name))))
        return Case(case.prompt, case.answers, tools=one.get(tools) if tools else None)

    uses: list[tuple[str, Fate, str]] = [(name, "becomes", "messages"), *system_use(row)]
    if tools:
        uses.append((tools, "becomes", "tools"))
    sharegpt = "from" in row[name][0]
    return Shape("sharegpt" if sharegpt else "openai" if tools else "messages", read, tuple(uses))


def is_talk(value: Any) -> bool:
    """Whether a value is a conversation, in any form."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(one, Mapping) and ({"role", "content"} <= one.keys() or {"from", "value"} <= one.keys())
            for one in value
        )
    )


def a_pair(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """A better and a worse answer in columns of their own."""
    chosen, rejected = first_of(CHOSEN, row), first_of(REJECTED, row)
    if chosen is None or rejected is None:
        return None
    question = first_of(QUESTIONS, row)
    paragraphs = isinstance(row[chosen], str) and TRANSCRIPT.match(row[chosen]) is not None

    def read(one: Mapping[str, Any]) -> Case:
        good, bad = one.get(chosen), one.get(rejected)
        whole = [
            user(it) if isinstance(it, list) or (isinstance(it, str) and TRANSCRIPT.match(it)) else None
            for it in (good, bad)
        ]
        if whole[0] and whole[1] and (question is None or whole[0][0]["role"] != "assistant"):
            case = shared_prompt(whole[0], whole[1])
            return Case(with_system(one, case.prompt), case.answers)
        return Case(asked(one, question), [(reply(good), 1.0), (reply(bad), 0.0)])

    uses: list[tuple[str, Fate, str]] = [
        (chosen, "becomes", "chosen"),
        (rejected, "becomes", "rejected"),
        *system_use(row),
    ]
    if question:
        uses.insert(0, (question, "becomes", "prompt"))
    return Shape("hh-rlhf" if paragraphs else "pairs", read, tuple(uses), "rank")


def a_choice(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Two answers and a column that says which is better, or a score for each."""
    found = two_columns(row, (str, list))
    if found is None:
        return None
    one, other = found
    question = first_of(QUESTIONS, row)
    scores = two_columns(row, (int, float))
    selector = next(
        (name for name in SELECTORS if name in row and name not in found and not isinstance(row[name], list)), None
    )
    if selector is None and scores is None:
        return None
    values = (
        {str(it.get(selector)).strip().lower() for it in rows if it.get(selector) is not None} if selector else set()
    )

    def better(it: Mapping[str, Any]) -> float:
        """1 if the first answer is better, -1 if the second."""
        if selector:
            return side_of(it.get(selector), one, other, values)
        assert scores is not None
        left, right = it.get(scores[0]), it.get(scores[1])
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise Unconvertible("no-label")
        return float(left > right) - float(left < right)

    def read(it: Mapping[str, Any]) -> Case:
        side = better(it)
        answers: list[tuple[list[Message], float | None]] = []
        prompt = asked(it, question)
        for name, worth in ((one, side), (other, -side)):
            said_ = it.get(name)
            whole = user(said_) if isinstance(said_, list) else reply(said_)
            answers.append((whole, worth))
        if isinstance(it.get(one), list) and answers[0][0][0]["role"] != "assistant":
            case = shared_prompt(answers[0][0], answers[1][0])
            return Case(case.prompt, [(case.answers[0][0], side), (case.answers[1][0], -side)])
        return Case(prompt, answers)

    deciding = (selector,) if selector else scores or ()
    uses: list[tuple[str, Fate, str]] = [(one, "becomes", "answer"), (other, "becomes", "answer"), *system_use(row)]
    uses += [(str(name), "decides", "answer") for name in deciding]
    if question:
        uses.insert(0, (question, "becomes", "prompt"))
    return Shape("choice", read, tuple(uses), "rank")


def two_columns(row: Mapping[str, Any], kinds: tuple[type, ...]) -> tuple[str, str] | None:
    """Two columns that differ in a number or letter at the end only: `response_0` and `response_1`."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, value in row.items():
        match = TWO.match(name)
        if match and isinstance(value, kinds) and not isinstance(value, bool) and match["name"]:
            groups.setdefault((match["name"], match["gap"]), []).append(name)
    best = [sorted(names) for names in groups.values() if len(names) == 2]
    named = [one for one in best if any(word in one[0].lower() for word in ("respon", "answer", "compl", "output", "conversation", "score", "rating", "summary", "text", "generation"))]  # fmt: skip
    return (named[0][0], named[0][1]) if named else None


def side_of(value: Any, one: str, other: str, values: set[str]) -> float:
    """Which of two answers a value names: 1 the first, -1 the second. `values`: all that the column holds, as texts.

    Raises:
        Unconvertible: neither, or it is not known.
    """
    if value is None:
        raise Unconvertible("no-label")
    text = str(value).strip().lower()
    ends = [TWO.match(name) for name in (one, other)]
    marks = [str(it["which"]).lower() for it in ends if it]
    if text in (one.lower(), f"model_{marks[0]}", marks[0]) and not (marks == ["1", "2"] and "0" in values):
        return 1.0
    if text in (other.lower(), f"model_{marks[1]}", marks[1]) and not (marks == ["1", "2"] and "0" in values):
        return -1.0
    if marks == ["1", "2"] and values <= {"0", "1"}:
        return 1.0 if text == "0" else -1.0
    if "tie" in text or text in ("same", "equal", "both"):
        raise Unconvertible("tie")
    try:
        strength = float(text)
    except ValueError:
        raise Unconvertible("no-label") from None
    if any(it.startswith("-") for it in values):  # -3 to 3: the first is better below 0 (HelpSteer2)
        if strength == 0:
            raise Unconvertible("tie")
        return 1.0 if strength < 0 else -1.0
    raise Unconvertible("no-label")


def a_list(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Several answers with a rating each: a list of records (UltraFeedback), or two lists side by side."""
    question = first_of(QUESTIONS, row)
    name = next((one for one in LISTS if isinstance(row.get(one), list)), None)
    if question is None or name is None:
        return None
    beside = next((one for one in LIST_RATINGS if isinstance(row.get(one), list)), None)
    records = isinstance(row[name][0], Mapping)
    if not records and (beside is None or not isinstance(row[name][0], str)):
        return None

    def read(it: Mapping[str, Any]) -> Case:
        answers: list[tuple[list[Message], float | None]] = []
        for at, one in enumerate(it.get(name) or []):
            text = next((one[key] for key in IN_LIST if key in one), None) if isinstance(one, Mapping) else one
            if beside:
                ratings = it.get(beside) or []
                worth = ratings[at] if at < len(ratings) else None
            else:
                worth = next((one[key] for key in RATING_IN_LIST if one.get(key) is not None), None)
            if isinstance(text, str) and text.strip():
                answers.append((reply(text), number(worth)))
        return Case(asked(it, question), answers)

    uses: list[tuple[str, Fate, str]] = [(question, "becomes", "prompt"), (name, "becomes", "answer"), *system_use(row)]
    if beside:
        uses.append((beside, "decides", "answer"))
    return Shape("ultrafeedback", read, tuple(uses), "rank")


def number(value: Any) -> float | None:
    """A rating as a number; None if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def a_rating(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Shape | None:
    """One answer with what people thought of it: thumbs, stars, a score."""
    question, answer = first_of(QUESTIONS, row), first_of([one for one in REPLIES if one != "output"] + ["output"], row)
    rating = next((one for one in RATINGS if isinstance(row.get(one), bool | int | float | str)), None)
    if question is None or answer is None or rating is None or question == answer:
        return None
    values = [it.get(rating) for it in rows]
    numbers = [float(it) for it in values if isinstance(it, int | float) and not isinstance(it, bool)]
    known = [it for it in values if isinstance(it, bool) or str(it).strip().lower() in (*GOOD, *BAD)]
    if not numbers and not known:
        return None
    middle = (min(numbers) + max(numbers)) / 2 if numbers else 0.0

    def read(it: Mapping[str, Any]) -> Case:
        return Case(asked(it, question), [(reply(it.get(answer)), worth_of(it.get(rating), middle))])

    uses: tuple[tuple[str, Fate, str], ...] = (
        (question, "becomes", "prompt"), (answer, "becomes", "answer"), (rating, "becomes", "label"), *system_use(row),
    )  # fmt: skip
    return Shape("rated", read, uses, "label")


def worth_of(value: Any, middle: float) -> float | None:
    """A thumb, word or score as above or below 0; None if nothing is known."""
    if isinstance(value, bool):
        return 1.0 if value else -1.0
    if isinstance(value, int | float):
        return float(value) - middle
    text = str(value).strip().lower()
    return 1.0 if text in GOOD else -1.0 if text in BAD else None


def an_instruction(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Alpaca's rows: an instruction, what it is about, and the answer."""
    if not isinstance(row.get("instruction"), str) or not isinstance(row.get("output", row.get("response")), str):
        return None
    answer = "output" if "output" in row else "response"
    about = next((one for one in ("input", "context") if isinstance(row.get(one), str)), None)

    def read(it: Mapping[str, Any]) -> Case:
        more = it.get(about) if about else None
        whole = user(it.get("instruction"))
        if isinstance(more, str) and more.strip():
            whole = [{"role": "user", "content": f"{it['instruction']}\n\n{more}"}]
        return Case(with_system(it, whole), [(reply(it.get(answer)), None)])

    uses: list[tuple[str, Fate, str]] = [
        ("instruction", "becomes", "prompt"),
        (answer, "becomes", "answer"),
        *system_use(row),
    ]
    if about:
        uses.insert(1, (about, "joins", "prompt"))
    return Shape("alpaca", read, tuple(uses))


def an_answer(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """A question and its answer."""
    question = first_of(QUESTIONS, row)
    answer = next((one for one in REPLIES if isinstance(row.get(one), str | list) and one != question), None)
    if question is None or answer is None:
        return None

    def read(it: Mapping[str, Any]) -> Case:
        return Case(asked(it, question), [(reply(it.get(answer)), None)])

    return Shape("answered", read, ((question, "becomes", "prompt"), (answer, "becomes", "answer"), *system_use(row)))


def a_question(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Questions alone."""
    question = first_of(QUESTIONS, row)
    if question is None:
        return None
    return Shape("questions", lambda it: Case(asked(it, question)), ((question, "becomes", "prompt"), *system_use(row)))


def a_document(row: Mapping[str, Any], _: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Plain texts under some name, or the only column of texts."""
    texts = [name for name, value in row.items() if isinstance(value, str)]
    name = first_of(DOCUMENTS, row, str) or (texts[0] if len(texts) == 1 else None)
    if name is None:
        return None

    def read(it: Mapping[str, Any]) -> Case:
        text = it.get(name)
        if not isinstance(text, str) or not text.strip():
            raise Unconvertible("empty-answer")
        return Case(text=text)

    return Shape("documents", read, ((name, "becomes", "text"),))


# Which shapes have what a method reads at all.
ABLE: dict[str, tuple[str, ...]] = {
    "sft": ("alpaca", "sharegpt", "messages", "openai", "pairs", "hh-rlhf", "choice", "ultrafeedback", "rated", "answered", "documents"),
    **dict.fromkeys(("dpo", "reward"), ("pairs", "hh-rlhf", "choice", "ultrafeedback")),
    "kto": ("pairs", "hh-rlhf", "choice", "ultrafeedback", "rated"),
    **dict.fromkeys(
        ("grpo", "rloo", "ppo"),
        ("alpaca", "sharegpt", "messages", "openai", "pairs", "hh-rlhf", "choice", "ultrafeedback", "rated", "answered", "questions"),
    ),
}  # fmt: skip


def rows_of(case: Case, shape: Shape, method: str) -> list[dict[str, Any]]:
    """The rows that a case becomes for a method.

    Raises:
        Unconvertible: it has not what the method reads.
    """
    tools = {} if case.tools in (None, "", []) else {"tools": case.tools}
    if case.text is not None:
        return [{"text": case.text}]
    if not case.prompt and method != "sft":
        raise Unconvertible("empty-prompt")
    if method in ("grpo", "rloo", "ppo"):
        return [{"prompt": case.prompt, **tools}]
    known = [(one, worth) for one, worth in case.answers if worth is not None]
    if method == "sft":
        if not case.answers:
            raise Unconvertible("no-answer")
        best = max(known, key=lambda one: one[1])[0] if known else case.answers[0][0]
        if shape.worth == "label" and (not known or known[0][1] <= 0):
            raise Unconvertible("bad" if known else "no-label")
        return [{"messages": [*case.prompt, *best], **tools}]
    if method in ("dpo", "reward"):
        if len(case.answers) < 2 or shape.worth != "rank":
            raise Unconvertible("no-pair")
        if len(known) < 2:
            raise Unconvertible("no-label")
        best, high = max(known, key=lambda one: one[1])
        worst, low = min(known, key=lambda one: one[1])
        if high == low:
            raise Unconvertible("tie")
        if best == worst:
            raise Unconvertible("equal")
        return [{"prompt": case.prompt, "chosen": best, "rejected": worst, **tools}]
    if not known:
        raise Unconvertible("no-label")
    middle = 0.0 if shape.worth == "label" else (max(one for _, one in known) + min(one for _, one in known)) / 2
    kept = [(one, worth > middle) for one, worth in known if worth != middle]
    if not kept:
        raise Unconvertible("middle" if shape.worth == "label" else "tie")
    return [{"prompt": case.prompt, "completion": one, "label": good, **tools} for one, good in kept]


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of one question and its answers as texts.

    Raises:
        Unconvertible: it has a system prompt or several turns, and texts beside conversations no method reads.
    """
    if "messages" in row and [one["role"] for one in row["messages"]] == ["user", "assistant"]:
        question, answer = row["messages"]
        return {
            "prompt": question["content"],
            "completion": answer["content"],
            **{key: it for key, it in row.items() if key != "messages"},
        }
    talks = [name for name, value in row.items() if is_talk(value)]
    if all(len(row[name]) == 1 for name in talks):
        return {**row, **{name: row[name][0]["content"] for name in talks}}
    raise Unconvertible("turns")


def targets(shape: Shape, method: str, columns: Sequence[str]) -> tuple[tuple[str, Fate, str], ...]:
    """What happens to each column for a method."""
    parts = {
        "sft": {"prompt": "messages", "answer": "messages", "chosen": "messages", "rejected": ""},
        "kto": {"answer": "completion", "chosen": "completion (label true)", "rejected": "completion (label false)"},
        "dpo": {"answer": "chosen, rejected"},
        "reward": {"answer": "chosen, rejected"},
    }.get(method, {"answer": "", "chosen": "", "rejected": "", "label": "", "messages": "prompt"})
    used: dict[str, tuple[Fate, str]] = {}
    for name, fate, part in shape.uses:
        target = parts.get(part, part)
        used[name] = (
            (fate, target) if target else (("stays", "") if method in ("grpo", "rloo", "ppo") else ("left", ""))
        )
        if shape.worth == "rank" and fate == "decides" and method == "kto":
            used[name] = (fate, "label")
        if shape.name == "rated" and method == "sft" and part == "label":
            used[name] = ("decides", "messages")
    rest: Fate = "stays" if method in ("grpo", "rloo", "ppo") else "left"
    told = ((name, *used.get(name, (rest, ""))) for name in columns)
    return tuple(
        (name, "left" if fate == "stays" and name in READ_BY_TRL else fate, target) for name, fate, target in told
    )


def kept_columns(shape: Shape, method: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that stay beside the prompt for the reward functions."""
    if method not in ("grpo", "rloo", "ppo"):
        return {}
    gone = {name for name, _, part in shape.uses if part in ("prompt", "messages", "tools")}
    return {name: value for name, value in row.items() if name not in gone and name not in READ_BY_TRL}


def convert(
    rows: Iterable[Mapping[str, Any]],
    method: str,
    shape: Shape,
    *,
    texts: bool = False,
    lost: Callable[[int, str], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows as TRL reads them for a method: conversations, which keep who says what; `texts`: texts.

    `lost` is told the number and the reason (a key of `REASONS`) of each row that cannot be converted.
    """
    for at, row in enumerate(rows):
        try:
            made = rows_of(shape.read(row), shape, method)
            if texts:
                made = [plain_row(one) for one in made]
        except Unconvertible as problem:
            if lost:
                lost(at, problem.reason)
            continue
        except (TypeError, KeyError, AttributeError, IndexError):  # a row of another build than those looked at
            if lost:
                lost(at, "kind")
            continue
        beside = kept_columns(shape, method, row)
        for one in made:
            yield {**one, **beside}


def propose(rows: Rows, method: str, mapping: Any = None, text_field: str = "text") -> Proposal | None:
    """How the rows of a split can be made those that a method reads; None if their shape is not known, or has not what it needs.

    A `column_mapping` that the config has already is not heeded: what is proposed takes its place.
    """
    held = rows.rows
    if not len(held) or method not in ABLE:
        return None
    first = [held[at] for at in range(min(len(held), LOOKED_AT))]
    shape = recognise(held)
    found = mapping_for(rows, method, text_field)
    if found is not None:
        taken = {source: wanted for wanted, source in found.items()}
        fates: tuple[tuple[str, Fate, str], ...] = tuple(
            (one, "becomes", taken[one]) if one in taken else (one, "stays", "") for one in rows.columns
        )
        return Proposal(shape.name if shape else "renamed", method, found, fates, len(first), len(first), {})
    if shape is None or shape.name not in ABLE[method]:
        return None
    reasons: Counter[str] = Counter()
    numbers: dict[str, list[int]] = {}

    def lost(at: int, reason: str) -> None:
        reasons[reason] += 1
        if len(numbers.setdefault(reason, [])) < 5:
            numbers[reason].append(int(rows.numbers[at]))

    made = sum(1 for _ in convert((held[at] for at in range(len(held))), method, shape, lost=lost))
    if not made:
        return None
    told = {reason: (count, tuple(numbers[reason])) for reason, count in reasons.most_common()}
    return Proposal(shape.name, method, None, targets(shape, method, rows.columns), len(held), made, told)


def mapping_for(rows: Rows, method: str, text_field: str = "text") -> dict[str, str] | None:
    """A `column_mapping` that makes the rows looked at those that a method reads; None if renaming does not suffice."""
    first = [rows.rows[at] for at in range(min(len(rows.rows), LOOKED_AT))]
    _, facts = hint(shapes_of(method, text_field), typical(first))
    taken = facts.get("taken")
    if not taken:
        question = next((one for one in SYNONYMS["prompt"] if one in rows.columns), None)
        if question is None or not {"chosen", "rejected"} <= set(rows.columns) or "prompt" in rows.columns:
            return None
        taken = {"prompt": question}
    try:
        named = renames(taken, rows.columns, rows.where)
        renamed = [{named.get(name, name): value for name, value in row.items()} for row in first]
        read = columns_read(method, list(renamed[0]), renamed[0], rows.where, text_field)
        check_rows(enumerate(renamed), read, rows.where, text_field)
    except WrongColumns:
        return None
    if any(row.get(name) in (None, "") for row in renamed for name in read):
        return None
    about = "input" if "instruction" in taken.values() else None
    if about and any(isinstance(row.get(about), str) and row[about].strip() for row in first):
        return None  # Alpaca: what the instruction is about would be lost
    return dict(taken)


def write_converted(
    rows: Rows, method: str, path: Path, *, texts: bool = False, progress: Callable[[int], None] | None = None
) -> tuple[int, dict[str, int]]:
    """Write the rows, all of them where they are at hand, as JSON Lines that a method reads; how many, and the lost by reason.

    The file is put in its place whole.

    Raises:
        WrongColumns: the shape of the rows is not known, or they have not what the method reads.
    """
    held = rows.rows if rows.every is None else rows.every
    shape = recognise(held)
    if shape is None or shape.name not in ABLE.get(method, ()):
        raise WrongColumns("no-conversion", where=rows.where, columns=", ".join(rows.columns), method=method)
    reasons: Counter[str] = Counter()
    made = convert(
        (held[at] for at in range(len(held))),
        method,
        shape,
        texts=texts,
        lost=lambda _, reason: reasons.update([reason]),
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for row in made:
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
                count += 1
                if progress and count % 1000 == 0:
                    progress(count)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count, dict(reasons)
