"""Plays a few fixed conversations through a chat template, and says what is wrong with what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostics.preflight.material import TemplateFault

Message = Mapping[str, Any]
Render = Callable[[Sequence[Message], bool], str]

# Words that no template writes by itself, of both cases, with a space inside.
SAID = ("Zoq One Kel", "Vex Two Mur", "Qib Three Lan", "Jyp Four Dox")
ROLES = ("user", "assistant", "user", "assistant")
SYSTEM = "Wuf Five Nar"
USER_WORDS = re.compile(r"(?<!to=)user|human|(?<!/)INST\]|instruction", re.IGNORECASE)
ASSISTANT_WORDS = re.compile(r"assistant|model|chatbot|\bgpt\b|\bbot\b|Response", re.IGNORECASE)
# What a template of a model that thinks may write around an answer: whether it stands in the prompt, in the training text
# or in neither depends on the mode asked for, and the model's own template differs there by design.
THINKING = re.compile(
    r"(?:\s|</?think(?:ing)?>|</?thought>|\[/?THINK\]|<\|channel\|?>(?:thought|analysis|final|commentary)?|<channel\|>|<\|message\|>"
    r"|<\|START_(?:RESPONSE|THINKING|TEXT)\|>|<\|END_(?:THINKING|TEXT)\|>|<\|(?:begin|end)_of_thought\|>|/no_?think|/think|to=user)*"
)  # fmt: skip
# What looks like a token of its own. A template of another model names some that this tokenizer cuts into pieces.
MARKS = re.compile(
    r"<[|｜][^<>|｜\s]{2,40}[|｜]>|<(?:start|end)_of_(?:turn|utterance)>|</?s>|<\|?turn\|?>|<end_of_utterance>"
)


@dataclass(frozen=True)
class Talked:
    """What the conversations showed. `gaps`: the text before, between and after the four messages."""

    faults: tuple[TemplateFault, ...]
    refuses: str | None
    blocks: bool
    gaps: tuple[str, ...]
    leftover: str
    strips: bool


def messages(count: int, blocks: bool, padded: str = "", system: bool = False) -> list[dict[str, Any]]:
    """The first messages of the fixed conversation, as texts or as blocks of text."""
    said = [*([("system", SYSTEM)] if system else []), *zip(ROLES[:count], SAID[:count], strict=True)]
    return [
        {
            "role": role,
            "content": [{"type": "text", "text": padded + text + padded}] if blocks else padded + text + padded,
        }
        for role, text in said
    ]


def talk(render: Render) -> Talked:
    """Judge a template by what it makes of two questions with their answers."""
    first: Talked | None = None
    for blocks in (False, True):
        made = judged(render, blocks)
        if not made.faults and made.refuses is None:
            return made
        if first is None or (first.refuses is not None and made.refuses is None):
            first = made
        elif made.refuses is None and lost(first) and not lost(made):
            first = made  # it reads blocks alone: texts vanish in it
    assert first is not None
    return first


def lost(talked: Talked) -> bool:
    """Whether some content did not arrive."""
    return any(one.kind in ("drops-content", "changes-content") for one in talked.faults)


def judged(render: Render, blocks: bool) -> Talked:
    """The same with the content as texts, or as blocks of text."""
    try:
        whole = render(messages(4, blocks), False)
        prompt = render(messages(1, blocks), True)
        bare = render(messages(1, blocks), False)
        short = render(messages(2, blocks), False)
    except Exception as error:  # a template may raise whatever it likes
        return Talked((), first_line(error), blocks, (), "", False)
    faults: list[TemplateFault] = []
    places = [whole.find(text) for text in SAID]
    for text, role in zip(SAID, ROLES, strict=True):
        if text in whole and whole.count(text) == 1:
            continue
        if text.lower() in whole.lower() and text not in whole:
            faults.append(
                TemplateFault("changes-content", (f"{role}: {text!r}", f"written: {near(whole, text)!r}"), True)
            )
        elif text in whole:
            faults.append(
                TemplateFault("repeats-content", (f"{role}: {text!r}", f"written {whole.count(text)} times"), True)
            )
        else:
            faults.append(TemplateFault("drops-content", (f"{role}: {text!r}", f"written: {whole!r}"), True))
    if faults:
        return Talked(tuple(faults), None, blocks, (), "", False)
    if places != sorted(places):
        faults.append(TemplateFault("changes-order", (repr(whole),), True))
        return Talked(tuple(faults), None, blocks, (), "", False)
    bounds = [0, *(place + shift for place, text in zip(places, SAID, strict=True) for shift in (0, len(text)))]
    gaps = tuple(whole[begin:end] for begin, end in zip(bounds[::2], [*bounds[1::2], len(whole)], strict=True))
    padded = whole_or_none(render, messages(4, blocks, padded="  \n "))
    strips = padded is not None and any("  \n " + text + "  \n " not in padded for text in SAID)
    faults += roles_of(gaps)
    prompted, leftover = prompt_of(prompt, bare, short)
    faults += prompted
    return Talked(tuple(faults), None, blocks, gaps, leftover, strips)


def near(whole: str, text: str) -> str:
    """The place of a text in another, whatever their cases."""
    at = whole.lower().find(text.lower())
    return whole[at : at + len(text)]


def whole_or_none(render: Render, talk_: Sequence[Message]) -> str | None:
    """A conversation in full, None if the template refuses it."""
    try:
        return render(talk_, False)
    except Exception:
        return None


def roles_of(gaps: Sequence[str]) -> list[TemplateFault]:
    """Whether the turns say whose they are: question and answer told apart, and not the wrong way round."""
    to_answer, to_question = gaps[1], gaps[2]
    if to_answer == to_question:
        return [
            TemplateFault(
                "loses-roles", (f"before an answer: {to_answer!r}", f"before a question: {to_question!r}"), True
            )
        ]
    # The header of a turn is what stands last before its content.
    answer, question = last_word(to_answer), last_word(to_question)
    if answer == "user" and question == "assistant":
        return [
            TemplateFault(
                "swaps-roles", (f"before an answer: {to_answer!r}", f"before a question: {to_question!r}"), True
            )
        ]
    if answer == question and answer is not None:
        return [
            TemplateFault(
                "loses-roles", (f"before an answer: {to_answer!r}", f"before a question: {to_question!r}"), True
            )
        ]
    return []


def last_word(gap: str) -> str | None:
    """Whose turn begins at the end of a gap, by the last word that names a speaker."""
    users = [one.end() for one in USER_WORDS.finditer(gap)]
    assistants = [one.end() for one in ASSISTANT_WORDS.finditer(gap)]
    if not users and not assistants:
        return None
    return "user" if max(users, default=-1) > max(assistants, default=-1) else "assistant"


def prompt_of(prompt: str, bare: str, short: str) -> tuple[list[TemplateFault], str]:
    """Whether the prompt ends where an answer begins; and what of thinking stands between them."""
    answer = short.find(SAID[1])
    training = short[:answer]
    common = 0
    while common < min(len(prompt), len(training)) and prompt[common] == training[common]:
        common += 1
    rest_prompt, rest_training = prompt[common:], training[common:]
    if not rest_prompt and not rest_training:
        return [], ""
    lines = (f"the prompt ends: {prompt[-60:]!r}", f"training has before the answer: {training[-60:]!r}")
    if THINKING.fullmatch(rest_prompt) and THINKING.fullmatch(rest_training):
        return [], rest_prompt + rest_training
    if prompt == bare and rest_training.strip():
        return [TemplateFault("no-generation-prompt", lines)], ""
    if not rest_prompt.strip() and not rest_training.strip():
        return [], rest_prompt + rest_training  # nothing but a blank: `[/INST]` and ` answer` of Llama 2's kin
    return [TemplateFault("prompt-differs", lines)], ""


def end_of_turn(gaps: Sequence[str], tokenizer: Any) -> tuple[str | None, list[TemplateFault]]:
    """The token that ends an answer, and whether there is one.

    It is the first token of its own after the last answer, or, where the last answer is left open, after an answer that
    another question follows.
    """
    added = tokenizer.get_added_vocab()
    special = {*added, *tokenizer.all_special_tokens}

    def first(gap: str) -> str | None:
        ids = tokenizer(gap, add_special_tokens=False)["input_ids"]
        for one in ids:
            text = tokenizer.convert_ids_to_tokens(one)
            if text in special:
                return str(text)
            if tokenizer.decode([one]).strip():
                return None
        return None

    last, inner = first(gaps[4]), first(gaps[2])
    if gaps[2].strip() and gaps[0].strip().endswith(gaps[2].strip()):
        inner = None  # nothing but what opens a question's turn: it closes nothing
    end = last or inner
    if end is not None and end != tokenizer.bos_token:
        return end, []
    lines = (f"after the last answer: {gaps[4]!r}", f"between answer and question: {gaps[2]!r}")
    return None, [TemplateFault("no-end", lines)]


def foreign(gaps: Sequence[str], tokenizer: Any) -> list[TemplateFault]:
    """Marks of the turns that this tokenizer cuts into pieces: the template was made for another vocabulary."""
    cut = []
    for mark in dict.fromkeys(MARKS.findall("".join(gaps))):
        ids = tokenizer(mark, add_special_tokens=False)["input_ids"]
        if len([one for one in ids if tokenizer.decode([one]).strip()]) > 1:
            cut.append(f"{mark} is {len(ids)} tokens: {' '.join(map(str, tokenizer.convert_ids_to_tokens(ids)))}")
    return [TemplateFault("foreign-tokens", tuple(cut[:8]))] if cut else []


def markers(tokenizer: Any, template: str, blocks: bool) -> tuple[TemplateFault, ...]:
    """Whether the generation markers hold the answers, whole, and nothing of the questions."""
    output = tokenizer.apply_chat_template(
        messages(4, blocks), tokenize=True, return_dict=True, return_assistant_tokens_mask=True, chat_template=template
    )
    ids, mask = output["input_ids"], output["assistant_masks"]
    marked = tokenizer.decode([one for one, flag in zip(ids, mask, strict=True) if flag])
    squeezed = "".join(marked.split())
    missing = [
        text
        for text, role in zip(SAID, ROLES, strict=True)
        if role == "assistant" and "".join(text.split()) not in squeezed
    ]
    wrong = [
        text for text, role in zip(SAID, ROLES, strict=True) if role == "user" and "".join(text.split()) in squeezed
    ]
    if missing or wrong:
        return (TemplateFault("markers-wrong", (f"marked as the assistant's: {marked!r}",), True),)
    return ()


def end_is_marked(tokenizer: Any, template: str, blocks: bool) -> bool:
    """Whether an answer's end token lies within the generation markers: of three turns, so that another one follows."""
    output = tokenizer.apply_chat_template(
        messages(3, blocks), tokenize=True, return_dict=True, return_assistant_tokens_mask=True, chat_template=template
    )
    added = set(tokenizer.get_added_vocab().values())
    marked = [one for one, flag in zip(output["input_ids"], output["assistant_masks"], strict=True) if flag]
    last = next((one for one in reversed(marked) if tokenizer.decode([one]).strip()), None)
    return last in added


def differences(render: Render, other: Render, blocks: bool) -> TemplateFault | None:
    """Where two templates write the same conversations differently; None where nothing differs."""
    for talk_, prompted in (
        (messages(4, blocks, system=True), False),
        (messages(3, blocks, system=True), True),
        (messages(4, blocks), False),
        (messages(3, blocks), True),
        (messages(4, blocks, padded=" \n"), False),
    ):
        own, theirs = said_by(render, talk_, prompted), said_by(other, talk_, prompted)
        if own == theirs:
            continue
        if talk_[0]["role"] != "system" and said_by(other, messages(2, blocks, system=True), False) is not None:
            # A family with a system prompt of its own: that another default is chosen is everybody's right.
            mark = SAID[0]
            if own and theirs and own[own.find(mark) :] == theirs[theirs.find(mark) :]:
                continue
        return TemplateFault(
            "changed-copy", (f"this template: {(own or 'refuses')!r}", f"the family's: {(theirs or 'refuses')!r}")
        )
    return None


def said_by(render: Render, talk_: Sequence[Message], prompted: bool) -> str | None:
    """What a template writes; None if it refuses."""
    try:
        return render(talk_, prompted)
    except Exception:
        return None


def first_line(error: BaseException) -> str:
    """An exception as one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
