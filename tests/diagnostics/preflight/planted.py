"""Clean data sets for every method, and one planted fault at a time: the ground truth of the data rules."""

from __future__ import annotations

import copy
import html
import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tests.diagnostics.preflight.grammar import Lang, answer, question, sentences

Form = Literal["standard", "conversational"]
Row = dict[str, Any]

METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
FORMS: tuple[Form, ...] = ("standard", "conversational")
LANGS: tuple[Lang, ...] = ("en", "zh")
PAIRED = ("dpo", "reward")
ANSWERED = ("sft", "dpo", "reward", "kto")
SYSTEM = {"en": "You are a helpful assistant of the town's repair shop.", "zh": "你是镇上修理店的得力助手。"}
# The rejected answers of real sets are worse in many ways, few of which are seen by their look.
CUT, REPEATED = 0.06, 0.04

TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}{% else %}"
    "{{ message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclass(frozen=True)
class Planted:
    """A training: its method, rows of both splits, what its config says beside them, and what of the tokenizer is changed.

    `tokenizer`: entries of tokenizer_config.json; `chat_template` None takes the template away.
    """

    method: str
    form: Form
    lang: Lang
    rows: list[Row]
    evaluation: list[Row]
    config: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, base: Path | None = None) -> dict[str, Any]:
        """Write the rows, and the model with its tokenizer changed, below a folder; the config that names them."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (("train", self.rows), ("test", self.evaluation)):
            with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        config = {"dataset_name": str(folder), "eval_strategy": "steps", "max_length": 1024, **self.config}
        if self.method not in ANSWERED:
            del config["max_length"]
        if base is not None:
            config["model_name_or_path"] = str(self.model(folder, base))
        return config

    def model(self, folder: Path, base: Path) -> Path:
        """The base model, or a copy of it with the tokenizer changed."""
        if not self.tokenizer:
            return base
        copied = folder.with_name(folder.name + "-model")
        shutil.copytree(base, copied, dirs_exist_ok=True)
        path = copied / "tokenizer_config.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        for name, value in self.tokenizer.items():
            if name == "chat_template":
                (copied / "chat_template.jinja").unlink(missing_ok=True)
                told.pop("chat_template", None)
            if value is not None:
                told[name] = value
        path.write_text(json.dumps(told), encoding="utf-8")
        return copied


def messages(*texts: str, first: str = "user") -> list[Row]:
    """A conversation, question and answer in turn."""
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]


def poorer(rng: random.Random, lang: Lang) -> str:
    """A rejected answer: another one, at times cut off or repeating itself."""
    text = answer(rng, lang)
    kind = rng.random()
    if kind < CUT:
        text += sentences(rng, lang, 2)
        return text[: rng.randint(len(text) // 2, len(text) - 8)].rstrip(" .,。，：:;")
    if kind < CUT + REPEATED:
        return (" " if lang == "en" else "").join([sentences(rng, lang, 1)] * rng.randint(3, 5))
    return text


def clean_row(rng: random.Random, method: str, form: Form, lang: Lang, at: int) -> Row:
    """One row of a method."""
    asked, good = question(rng, lang), answer(rng, lang)
    talk = form == "conversational"
    prompt: Any = asked
    if talk:
        system = [{"role": "system", "content": SYSTEM[lang]}] if at % 2 else []
        earlier = messages(question(rng, lang), answer(rng, lang)) if rng.random() < 0.2 else []
        prompt = [*system, *earlier, *messages(asked)]
    said = (lambda text: messages(text, first="assistant")) if talk else (lambda text: text)
    if method == "sft":
        return {"messages": [*prompt, *said(good)]} if talk else {"prompt": asked, "completion": good}
    if method in PAIRED:
        return {"prompt": prompt, "chosen": said(good), "rejected": said(poorer(rng, lang))}
    if method == "kto":
        label = rng.random() < 0.5
        return {"prompt": prompt, "completion": said(good if label else poorer(rng, lang)), "label": label}
    if method == "ppo":
        return {"prompt": prompt}
    return {"prompt": prompt, "answer": good}


def clean(method: str, form: Form, lang: Lang, n: int = 400, seed: int = 0) -> Planted:
    """A clean training: n rows, and a twentieth of that (at least 60) for evaluation."""
    rng = random.Random(f"{method} {form} {lang} {seed}")
    rows = [clean_row(rng, method, form, lang, at) for at in range(n)]
    held = [clean_row(rng, method, form, lang, at) for at in range(max(60, n // 20))]
    return Planted(method, form, lang, rows, held)


# How a text of a row is changed, whatever form it has.
def texts(value: Any, change: Callable[[str], str]) -> Any:
    """A text, or the last message of a conversation, changed."""
    if isinstance(value, str):
        return change(value)
    return [*value[:-1], {**value[-1], "content": change(value[-1]["content"])}]


def text(value: Any) -> str:
    """A text, or what the last message says."""
    return value if isinstance(value, str) else value[-1]["content"]


def answer_column(row: Row) -> str:
    """The column of the answer that is trained on."""
    return next(one for one in ("completion", "chosen", "messages", "prompt") if one in row)


def some(planted: Planted, share: float, change: Callable[[random.Random, Row], Row], seed: int = 1) -> Planted:
    """A share of the training rows changed."""
    rng = random.Random(seed)
    return replace(
        planted, rows=[change(rng, copy.deepcopy(row)) if rng.random() < share else row for row in planted.rows]
    )


# The faults. Each takes a clean training and gives the faulty one; the name before "/" is the rule's.
def wrong_name(planted: Planted) -> Planted:
    """A column under another name."""
    old, new = ("messages", "dialogue") if "messages" in planted.rows[0] else ("prompt", "problem")
    if planted.method in PAIRED:
        old, new = "chosen", "winner"

    def renamed(rows: list[Row]) -> list[Row]:
        return [{new if name == old else name: value for name, value in row.items()} for row in rows]

    return replace(planted, rows=renamed(planted.rows), evaluation=renamed(planted.evaluation))


def null_value(planted: Planted) -> Planted:
    """Empty values far down."""
    rows = copy.deepcopy(planted.rows)
    for at in (len(rows) // 2, len(rows) - 3):
        rows[at][answer_column(rows[at])] = None
    return replace(planted, rows=rows)


def other_kind(planted: Planted) -> Planted:
    """Texts among conversations, or conversations among texts."""
    rows = copy.deepcopy(planted.rows)
    at = len(rows) * 2 // 3
    name = answer_column(rows[at])
    value = rows[at][name]
    rows[at][name] = messages(value) if isinstance(value, str) else text(value)
    return replace(planted, rows=rows)


def sharegpt_roles(planted: Planted) -> Planted:
    """Roles that no chat template knows."""
    names = {"user": "human", "assistant": "gpt"}

    def renamed(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [{**one, "role": names.get(one["role"], one["role"])} for one in value]

    return replace(planted, rows=[{name: renamed(value) for name, value in row.items()} for row in planted.rows])


def duplicated(planted: Planted) -> Planted:
    """A quarter of the rows are copies of others, with other spaces, case and width."""

    def changed(value: str) -> str:
        return (
            value.upper().replace(",", " ,") if planted.lang == "en" else value.replace("，", ",").replace("。", "。 ")
        )

    return copies(planted, lambda rng, row: {
        name: texts(value, changed) if isinstance(value, str | list) else value for name, value in row.items()
    })  # fmt: skip


def copies(planted: Planted, change: Callable[[random.Random, Row], Row], share: float = 0.25) -> Planted:
    """A share of the rows replaced by changed copies of other rows."""
    rng = random.Random(2)
    rows = list(planted.rows)
    n = len(rows)
    kept = int(n * (1 - share))
    rows[kept:] = [change(rng, copy.deepcopy(rows[rng.randrange(kept)])) for _ in range(n - kept)]
    rng.shuffle(rows)
    return replace(planted, rows=rows)


def nearly_duplicated(planted: Planted) -> Planted:
    """A third of the rows are copies of others, of which a few words are changed in the middle or at the end."""

    def changed(value: str) -> str:
        if planted.lang == "en":
            words = value.split(" ")
            return (
                " ".join([*words[:-1], "quite", words[-1]])
                if len(words) < 60
                else " ".join([*words[:30], "quite", *words[31:]])
            )
        return value[:-1] + "吧" + value[-1:]

    def change(rng: random.Random, row: Row) -> Row:
        name = answer_column(row)
        return {**row, name: texts(row[name], changed)}

    ordered = sorted(planted.rows, key=lambda row: len(json.dumps(row, ensure_ascii=False)))
    long = ordered[len(ordered) * 3 // 4 :]
    rng = random.Random(3)
    rows = list(planted.rows)
    for at in range(0, len(rows), 3):
        rows[at] = change(rng, copy.deepcopy(rng.choice(long)))
    return replace(planted, rows=rows)


def contradicting(planted: Planted) -> Planted:
    """Rows that say the opposite of other rows: pairs both ways round, answers labelled good and bad."""

    def turned(rng: random.Random, row: Row) -> Row:
        if "label" in row:
            return {**row, "label": not row["label"]}
        return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}

    return copies(planted, turned, 0.02)


def leaked(planted: Planted) -> Planted:
    """A tenth of the evaluation rows are training rows."""
    rng = random.Random(4)
    held = [copy.deepcopy(rng.choice(planted.rows)) if rng.random() < 0.1 else row for row in planted.evaluation]
    held[:4] = copy.deepcopy(planted.rows[20:24])
    return replace(planted, evaluation=held)


def leaked_prompts(planted: Planted) -> Planted:
    """A fifth of the evaluation prompts are training prompts, with other answers."""
    rng = random.Random(5)
    long = [row for row in planted.rows if len(text(row["prompt"])) > 40]
    held = [{**row, "prompt": rng.choice(long)["prompt"]} if rng.random() < 0.2 else row for row in planted.evaluation]
    return replace(planted, evaluation=held)


def leaked_nearly(planted: Planted) -> Planted:
    """A third of the evaluation rows are training rows of which a word is changed."""
    near = nearly_duplicated(planted).rows
    held = [copy.deepcopy(near[at * 3]) if at % 3 == 0 else row for at, row in enumerate(planted.evaluation)]
    return replace(planted, evaluation=held)


def identical(planted: Planted) -> Planted:
    """A tenth of the pairs have the same text twice."""
    return some(planted, 0.1, lambda _, row: {**row, "rejected": copy.deepcopy(row["chosen"])})


def one_column_twice(planted: Planted) -> Planted:
    """All pairs have the same text twice."""
    return some(planted, 1.0, lambda _, row: {**row, "rejected": copy.deepcopy(row["chosen"])})


def swapped(planted: Planted) -> Planted:
    """All pairs are the wrong way round; nothing stands beside them."""
    return some(planted, 1.0, lambda _, row: {**row, "chosen": row["rejected"], "rejected": row["chosen"]})


def with_scores(planted: Planted, wrong: float = 0.01) -> Planted:
    """Scores beside the pairs, a few of them the other way round, as judges give them."""
    rng = random.Random(6)

    def scored(row: Row) -> Row:
        low = rng.uniform(1, 3)
        high = low + rng.uniform(0.5, 2)
        pair = (low, high) if rng.random() < wrong else (high, low)
        return {**row, "score_chosen": round(pair[0], 1), "score_rejected": round(pair[1], 1)}

    held = [{**row, "score_chosen": 4.0, "score_rejected": 1.0} for row in planted.evaluation]
    return replace(planted, rows=[scored(row) for row in planted.rows], evaluation=held)


def swapped_by_scores(planted: Planted) -> Planted:
    """A fifth of the pairs are the wrong way round by their scores."""
    return with_scores(planted, 0.2)


def longer_chosen(planted: Planted) -> Planted:
    """The chosen answer is the longer one in nine pairs of ten."""
    rng = random.Random(7)

    def change(_: random.Random, row: Row) -> Row:
        more = (" " if planted.lang == "en" else "") + sentences(
            rng, planted.lang, 2 + len(text(row["rejected"])) // (90 if planted.lang == "en" else 25)
        )
        return {**row, "chosen": texts(row["chosen"], lambda value: value + more)}

    return some(planted, 0.9, change)


def shorter_chosen(planted: Planted) -> Planted:
    """The chosen answer is the shorter one in nine pairs of ten."""
    rng = random.Random(8)

    def change(_: random.Random, row: Row) -> Row:
        return {**row, "chosen": texts(row["chosen"], lambda _: sentences(rng, planted.lang, 1)), "rejected": texts(
            row["rejected"], lambda value: value + sentences(rng, planted.lang, 2))}  # fmt: skip

    return some(planted, 0.9, change)


def mostly_good(planted: Planted) -> Planted:
    """Ten good answers to a bad one."""
    return replace(planted, rows=[{**row, "label": at % 11 != 0} for at, row in enumerate(planted.rows)])


def only_good(planted: Planted) -> Planted:
    """All answers labelled good."""
    return replace(planted, rows=[{**row, "label": True} for row in planted.rows])


def few_rows(planted: Planted) -> Planted:
    """Twenty rows."""
    return replace(planted, rows=planted.rows[:20])


def few_steps(planted: Planted) -> Planted:
    """So large a batch that a pass is a few steps."""
    online = {"num_generations": 2} if planted.method in ("grpo", "rloo") else {}
    return replace(planted, config={**planted.config, "per_device_train_batch_size": 64, "gradient_accumulation_steps":
                   max(1, len(planted.rows) // 64), "num_train_epochs": 1, **online})  # fmt: skip


def everywhere(planted: Planted, share: float, change: Callable[[str], str]) -> Planted:
    """All texts of a share of the rows changed."""
    return some(planted, share, lambda _, row: {
        name: texts(value, change) if isinstance(value, str | list) else value for name, value in row.items()
    })  # fmt: skip


def misread(planted: Planted) -> Planted:
    """Some texts were written in UTF-8 and read as another encoding."""

    def change(value: str) -> str:
        if planted.lang == "en":
            return (
                value.replace(" because", " \u2014 because")
                .replace(".", "\u2026")
                .encode()
                .decode("cp1252", errors="replace")
            )
        return value.encode().decode("gb18030", errors="ignore")

    return everywhere(planted, 0.05, change)


def replaced(planted: Planted) -> Planted:
    """Some signs could not be read."""
    return everywhere(planted, 0.05, lambda value: value[:3] + "\ufffd\ufffd" + value[4:])


def escaped(planted: Planted) -> Planted:
    """Texts of web pages, not unescaped."""
    return everywhere(planted, 0.3, lambda value: html.escape(f"{value} \"so\" & 'thus'"))


def constant(planted: Planted) -> Planted:
    """Every prompt is the same."""
    name = "prompt" if "prompt" in planted.rows[0] else "messages"
    return replace(planted, rows=[{**row, name: planted.rows[0][name]} for row in planted.rows])


# Faults that show once the rows are tokenized.
def without_template(planted: Planted) -> Planted:
    """The tokenizer has no chat template."""
    return replace(planted, tokenizer={"chat_template": None})


def unlike_prompt(planted: Planted) -> Planted:
    """A template that renders a prompt alone otherwise than at the head of a conversation."""
    template = TEMPLATE.replace(
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        "{% if add_generation_prompt %}{{ '<|system|>Answer now.<|end|><|assistant|>' }}{% endif %}",
    )
    return replace(planted, tokenizer={"chat_template": template})


def without_end(planted: Planted) -> Planted:
    """A template that writes no end after an answer."""
    return replace(planted, tokenizer={"chat_template": TEMPLATE.replace(
        "{{ message['content'] + '<|end|>' }}{% endgeneration %}", "{{ message['content'] }}{% endgeneration %}")})  # fmt: skip


def masked_end(planted: Planted) -> Planted:
    """A template whose end of turn lies outside of what is trained on."""
    template = TEMPLATE.replace(
        "{{ message['content'] + '<|end|>' }}{% endgeneration %}",
        "{{ message['content'] }}{% endgeneration %}{{ '<|end|>' }}",
    )
    return replace(
        planted, tokenizer={"chat_template": template}, config={**planted.config, "assistant_only_loss": True}
    )


def rendered_twice(planted: Planted) -> Planted:
    """Messages that hold the template's marks already."""

    def change(_: random.Random, row: Row) -> Row:
        name = "prompt" if "prompt" in row else "messages"
        return {**row, name: [{**one, "content": f"<|{one['role']}|>{one['content']}<|end|>"} for one in row[name]]}

    return some(planted, 1.0, change)


def all_masked(planted: Planted) -> Planted:
    """Rows that were tokenized before, with every label masked."""
    rows = [{"input_ids": list(range(10, 30)), "labels": [-100] * 20} for _ in planted.rows]
    return replace(planted, rows=rows, evaluation=rows[:60])


def too_long(planted: Planted) -> Planted:
    """Four prompts of ten are longer than `max_length`: their rows are left out."""
    rng = random.Random(9)

    def change(_: random.Random, row: Row) -> Row:
        name = "prompt" if "prompt" in row else "messages"
        value = row[name]
        more = sentences(rng, planted.lang, 40)
        if isinstance(value, str):
            return {**row, name: more + value}
        last = max(at for at, one in enumerate(value) if one["role"] == "user")
        return {
            **row,
            name: [*value[:last], {**value[last], "content": more + value[last]["content"]}, *value[last + 1 :]],
        }

    made = some(planted, 0.4, change)
    only = {"assistant_only_loss": True} if planted.method == "sft" and planted.form == "conversational" else {}
    return replace(made, config={**planted.config, "max_length": 512, **only})


def cut_off(planted: Planted) -> Planted:
    """Half the answers are cut off by `max_length`."""
    rng = random.Random(10)

    def change(_: random.Random, row: Row) -> Row:
        name = answer_column(row)
        return {**row, name: texts(row[name], lambda value: value + sentences(rng, planted.lang, 30))}

    return replace(some(planted, 0.5, change), config={**planted.config, "max_length": 512})


def blank_answers(planted: Planted) -> Planted:
    """One answer of ten is blank."""
    return some(planted, 0.1, lambda _, row: {**row, answer_column(row): texts(row[answer_column(row)], lambda _: " ")})


def prompt_again(planted: Planted) -> Planted:
    """The answers begin with the prompt."""

    def change(_: random.Random, row: Row) -> Row:
        asked = text(row["prompt"]) if "prompt" in row else row["messages"][-2]["content"]
        made = {
            name: texts(row[name], lambda value: f"{asked}\n{value}")
            for name in ("completion", "chosen", "rejected")
            if name in row
        }
        if "messages" in row:
            made["messages"] = texts(row["messages"], lambda value: f"{asked}\n{value}")
        return {**row, **made}

    return some(planted, 0.5, change)


@dataclass(frozen=True)
class Fault:
    """One way to plant a fault: the rule that has to find it, for which methods and forms it is one."""

    rule: str
    plant: Callable[[Planted], Planted]
    methods: tuple[str, ...] = METHODS
    forms: tuple[Form, ...] = FORMS
    tokenized: bool = False

    @property
    def name(self) -> str:
        """The fault's name."""
        return f"{self.rule}/{self.plant.__name__.replace('_', '-')}"


TALKS: tuple[Form, ...] = ("conversational",)
FAULTS = (
    Fault("wrong-columns", wrong_name),
    Fault("wrong-columns", null_value),
    Fault("wrong-columns", other_kind),
    Fault("wrong-columns", sharegpt_roles, forms=TALKS),
    Fault("wrong-columns", constant, tuple(one for one in METHODS if one != "sft"), ("standard",)),
    Fault("preference-pairs-identical", identical, PAIRED),
    Fault("preference-pairs-identical", one_column_twice, PAIRED),
    Fault("preference-pairs-swapped", swapped, PAIRED),
    Fault("preference-pairs-swapped", swapped_by_scores, PAIRED),
    Fault("preference-length-bias", longer_chosen, PAIRED),
    Fault("preference-length-bias", shorter_chosen, PAIRED),
    Fault("duplicate-rows", duplicated),
    Fault("duplicate-rows", nearly_duplicated),
    Fault("duplicate-rows", contradicting, (*PAIRED, "kto")),
    Fault("evaluation-leak", leaked),
    Fault("evaluation-leak", leaked_prompts, ("dpo", "reward", "kto", "grpo", "rloo", "ppo")),
    Fault("evaluation-leak", leaked_nearly),
    Fault("unpaired-labels-imbalanced", mostly_good, ("kto",)),
    Fault("unpaired-labels-imbalanced", only_good, ("kto",)),
    Fault("dataset-too-small", few_rows),
    Fault("dataset-too-small", few_steps, ("sft", "reward", "dpo", "kto", "grpo", "rloo")),
    Fault("text-damaged", misread),
    Fault("text-damaged", replaced),
    Fault("text-damaged", escaped),
    Fault("chat-template-missing", without_template, forms=TALKS, tokenized=True),
    Fault("chat-template-mismatch", unlike_prompt, ("dpo", "reward", "kto"), TALKS, tokenized=True),
    Fault("template-applied-twice", rendered_twice, forms=TALKS, tokenized=True),
    Fault("end-token-missing", without_end, ("sft", "dpo", "kto"), TALKS, tokenized=True),
    Fault("end-token-masked", masked_end, ("sft",), TALKS, tokenized=True),
    Fault("labels-all-masked", all_masked, ("sft",), ("standard",), tokenized=True),
    Fault("rows-dropped", too_long, ANSWERED, tokenized=True),
    Fault("completions-truncated-by-length", cut_off, ANSWERED, tokenized=True),
    Fault("completions-empty", blank_answers, ANSWERED, tokenized=True),
    Fault("prompt-in-completion", prompt_again, ANSWERED, tokenized=True),
)
