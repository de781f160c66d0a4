"""The shapes in which other projects keep their data, recognised by their columns and by what these hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from diagnostics.preflight.cases import (
    SYSTEMS,
    TRANSCRIPT,
    Case,
    Message,
    Unconvertible,
    cut,
    is_talk,
    reply,
    shared_prompt,
    talk_of,
    user,
    with_system,
)
from diagnostics.preflight.columns import SYNONYMS, TALKS

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
LOOKED_AT = 200  # rows that a shape is recognised by


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
