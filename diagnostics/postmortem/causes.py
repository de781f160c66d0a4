"""The first cause of a dead run: which of all that its console says ended it, and what only followed from that."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from diagnostics.finding import Evidence, Finding, Fix, Severity, TextEvidence
from diagnostics.postmortem.console import Console, console_of
from diagnostics.postmortem.memory import phase_of
from diagnostics.postmortem.prose import prose_cause
from diagnostics.postmortem.signs import SIGNS, Role, Sign
from diagnostics.postmortem.tracebacks import Raised, tracebacks
from diagnostics.run import Run

# So many lines further on the same fault may be said again.
NEAR = 12
# Of one sentence so many places are looked at: a flood of the same line says nothing new.
MOST_PLACES = 40
# So many log rows after an error, and the run went on in spite of it.
WENT_ON_ROWS = 3
ROW = re.compile(r"\{\s*['\"](?:loss|reward|eval_loss|train_runtime|ppo/|objective/)[^{}]*\}")
SUMMARY = re.compile(r"['\"]train_runtime['\"]")
# A line that says so speaks of something that was met and dealt with, or is a hint: it ended nothing.
HANDLED = re.compile(
    r"(?i)\b(?:retrying|will retry|skipping|not up yet|will not be used|using internal implementation|falling back)\b|NCCL INFO"
    r"|thrown while requesting|could not import|failed to import \S+: "
)
HINT = re.compile(r"(?i)\b(?:to (?:avoid|prevent)|in case of|if you (?:get|see|run into|encounter|hit|face))\b")
# A sentence behind one of these is the text of a row or an answer that was printed, about errors perhaps.
QUOTED = re.compile(
    r"(?i)['\"](?:prompt|completion|text|content|response|answer|chosen|rejected|messages|question|query)s?['\"]\s*:\s*[\['\"{]"
    r"|^\s*[*\[(]{0,2}(?:prompt|completion|response|generated(?: text)?|assistant|reference|chosen|rejected)\b[^:]{0,20}:\s"
)
CELL = re.compile("[│┃]")
# Lines shown: of the frames before the exception, and after it.
BEFORE, AFTER = 8, 3
ROOT_CAUSE = "Root Cause (first observed failure)"
ROOT_RANK = re.compile(r"rank\s*:\s*(?P<rank>\d+)")
# TRL's functions that call a reward function: what lies below them in a traceback is the user's.
CALLERS = ("_calculate_rewards", "get_reward", "_compute_rewards")
# Before 0.20 the call stood in a longer function, and is told by the name of what is called there.
# `reward_func(**reward_inputs)` calls a reward model.
REWARD_CALL = re.compile(r"\breward_func(?:tion)?\((?!\*\*reward_inputs)")
# A call that Python refused: there is no frame of the function yet.
REFUSED_CALL = re.compile(r"^(?P<name>[\w.<>]+)\(\) (?:got an unexpected|missing \d|takes |got multiple)")
# What may run out anywhere, a reward function included: the rule of the resource says more.
RESOURCES = ("out-of-memory", "out-of-host-memory", "disk-full", "shared-memory-exhausted", "reward-wrong-count")
# Exceptions that tell of another process's end, or only wrap an inner one.
FOLLOWING = (
    "ChildFailedError", "CalledProcessError", "DistBackendError", "DistNetworkError", "DistStoreError", "ConnectionResetError",
    "BrokenPipeError", "SignalException", "ProcessExitedException", "RayTaskError", "ActorDiedError", "WorkerCrashedError",
    "EngineDeadError", "SystemExit", "KeyboardInterrupt", "RayActorError", "ConnectionAbortedError",
)  # fmt: skip
# Of these the console says by signs of their own what is to be said.
ENDED = ("SystemExit", "KeyboardInterrupt", "SignalException")
COLUMNS = frozenset(
    [
        "text",
        "messages",
        "prompt",
        "completion",
        "chosen",
        "rejected",
        "label",
        "labels",
        "conversations",
        "conversation",
        "instruction",
        "input",
        "output",
        "question",
        "answer",
        "solution",
        "input_ids",
        "attention_mask",
        "query",
        "response",
        "image",
        "images",
        "completion_mask",
        "prompt_input_ids",
        "chosen_input_ids",
        "rejected_input_ids",
        "prompts",
        "completions",
        "score_chosen",
        "score_rejected",
        "margin",
        "tools",
    ]
)
DATA_FRAMES = (
    "arrow_dataset.py",
    "formatting.py",
    "data_utils.py",
    "data_collator.py",
    "_trainer.py",
    "fetch.py",
    "iterable_dataset.py",
)
SPLITS = frozenset(
    ("train", "test", "validation", "valid", "eval", "dev", "train_sft", "test_sft", "train_prefs", "test_prefs")
)
KEY = re.compile(r"^['\"](?P<key>[\w .-]+)['\"]$")
VLLM_MEMORY = ("_initialize_kv_caches", "initialize_cache", "determine_num_available_blocks", "wake_up", "profile_run",
               "determine_available_memory", "_profile_run", "initialize_from_config")  # fmt: skip
ARGUMENT_FILES = re.compile(
    r"(?:training_args|_config|base_config|_trainer|trainer|accelerator|dataclasses|state)\.py$"
)
UNKNOWN = 0.5
WAITED = ("timeout", "stuck")


@dataclass(frozen=True)
class Cause:
    """One cause: the rule that names it, its kind, how sure, what was read, where, and by which rank it was printed."""

    rule: str
    kind: str
    confidence: float
    role: Role
    place: int
    rank: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    raised: Raised | None = None


@dataclass(frozen=True)
class Verdict:
    """What a console tells of a run's end.

    `first`: the first cause, None where there is none known. `unknown`: an exception that no sign explains. `after`: rules of
    what followed from the first cause. `passing`: what was said of runs that went on. `root_rank`: that of torchrun's summary.
    """

    console: Console
    first: Cause | None = None
    unknown: Raised | None = None
    after: tuple[str, ...] = ()
    passing: tuple[Cause, ...] = ()
    root_rank: str | None = None

    def lines(self, place: int, raised: Raised | None = None) -> tuple[str, ...]:
        """The lines around a place, as they were printed: of a traceback its innermost frames and the exception."""
        rank = self.console.lines[place].rank if self.console.lines else None
        start = max(0, place - 40)
        own = [
            at for at in range(start, min(len(self.console.lines), place + 12)) if self.console.lines[at].rank == rank
        ]
        here = own.index(place)
        return tuple(self.console.lines[at].raw[:400] for at in own[max(0, here - BEFORE) : here + AFTER + 1])


def verdict_of(run: Run) -> Verdict:
    """What the run's console tells of its end."""
    return judged(console_of(run), run.status.state, "request" not in run.missing and run.path.is_dir())


@lru_cache(maxsize=16)
def judged(console: Console, state: str, ours: bool) -> Verdict:
    """Weigh all that a console says. `ours`: the state was written by our own worker, and may be trusted."""
    if not console.lines:
        return Verdict(console)
    raised = tracebacks(console)
    rows = [place for place, line in enumerate(console.lines) if "{" in line.text and ROW.search(line.text)]
    summaries = [place for place in rows if SUMMARY.search(console.lines[place].text)]

    def went_on(place: int, enough: int = WENT_ON_ROWS) -> bool:
        """Whether the training went on after what stands there."""
        return len(rows) - bisect_right(rows, place) >= enough or bool(summaries and summaries[-1] > place)

    def passed(one: Cause) -> bool:
        """Whether the run went on in spite of it. A sentence that is no exception's is believed less: one row is enough."""
        return went_on(one.place, 1 if one.raised is None and one.role == "fatal" else WENT_ON_ROWS)

    alive = ours and state in ("finished", "running", "starting", "stopped", "waiting")
    found = [one for one in matches(console, raised) if one.role == "warning" or not (alive or passed(one))]
    ends = [] if alive else [one for one in raised if not went_on(max(one.line, one.start))]
    found += [
        cause for one in ends for recognise in RECOGNISERS if (cause := recognise(one, console, found)) is not None
    ]
    root = root_rank(console)
    unknown = first_unknown([one for one in ends if not any(cause.raised is one for cause in found)])
    first = first_of(found, unknown, root)
    passing = {one.rule: one for one in reversed(found) if one.role == "warning"}
    if first is None and unknown is None and not passing:
        first = prose_as_cause(console) if not ours and len(rows) <= WENT_ON_ROWS else None
    if first is not None and first.rank is None and root is not None and first.role == "fatal":
        first = replace(first, rank=root)
    after = {
        one.rule
        for one in found
        if first is not None and one.role in ("consequence", "signal") and one.rule != first.rule
    }
    return Verdict(
        console,
        first,
        None if first is not None and first.role in ("fatal",) else unknown,
        tuple(sorted(after)),
        tuple(passing.values()),
        root,
    )


def first_of(found: list[Cause], unknown: Raised | None, root: str | None) -> Cause | None:
    """The first cause: what raised before what killed, that before what merely followed; each by its place.

    An exception that nothing explains goes before kills and consequences that stand after it: then there is no first cause.
    """
    fatal = sorted((one for one in found if one.role == "fatal"), key=lambda one: one.place)
    if fatal:
        first = next((one for one in fatal if root is not None and one.rank == root), fatal[0])
        # The same fault may be said twice, the second time more plainly.
        near = [
            one
            for one in fatal
            if one.rule == first.rule and 0 <= one.place - first.place <= NEAR and one.rank == first.rank
        ]
        return max(near, key=lambda one: (one.confidence, -one.place))
    signals = sorted((one for one in found if one.role == "signal"), key=lambda one: (-one.confidence, one.place))
    others = sorted((one for one in found if one.role == "consequence"), key=lambda one: one.place)
    # A process that was killed is missed within seconds: who waited to the end of a time limit did so before any kill.
    waited = [one for one in others if one.kind in WAITED and signals and one.place < signals[0].place]
    for some in (waited, signals, others):
        if some:
            return None if unknown is not None and unknown.start < some[0].place else some[0]
    return None


def first_unknown(ends: list[Raised]) -> Raised | None:
    """The first exception that is no mere consequence; of a chain of handlers the last, which is the one that ended the run."""
    own = [one for one in ends if one.type and one.kind not in FOLLOWING]
    if not own:
        cut = next((one for one in ends if not one.type and one.frames), None)
        return cut or next((one for one in ends if one.type and one.kind not in ENDED), None)
    at = 0
    while at + 1 < len(own) and own[at + 1].link == "during" and own[at + 1].rank == own[at].rank:
        at += 1
    return own[at]


def matches(console: Console, raised: list[Raised]) -> Iterator[Cause]:
    """What the table of signs finds, one cause for each sign and rank at most."""
    text, starts = console.text, console.starts
    owners = owner_of(raised)
    taken: dict[int, int] = {}
    for number, sign in enumerate(SIGNS):
        seen: set[str | None] = set()
        at = text.find(sign.says)
        for _ in range(MOST_PLACES):
            if at < 0:
                break
            place = bisect_right(starts, at) - 1
            line = console.lines[place]
            facts = matched(sign, line.text) if meant(sign, line.text, at - starts[place]) else None
            if facts is not None and line.rank not in seen and not ROW.search(line.text) and place not in taken:
                seen.add(line.rank)
                taken[place] = number
                yield cause_at(sign, place, console, facts, owners(place, line.rank))
            after = starts[place + 1] if place + 1 < len(starts) else len(text)
            at = text.find(sign.says, after)


def meant(sign: Sign, text: str, place: int) -> bool:
    """Whether a sentence at a place of a line is said of this run: no hint, nothing that was dealt with, no row of the data."""
    before = text[:place]
    if QUOTED.search(before) or CELL.search(text):
        return False
    return sign.role == "warning" or not (HANDLED.search(text) or HINT.search(before))


def matched(sign: Sign, text: str) -> dict[str, Any] | None:
    """The facts that a line gives, {} for a sign without a pattern; None if it is not meant."""
    if sign.pattern is None:
        return {}
    found = sign.pattern.search(text)
    return {key: value.strip() for key, value in found.groupdict().items() if value} if found else None


def owner_of(raised: list[Raised]) -> Callable[[int, str | None], Raised | None]:
    """A function that gives the exception to whose lines a place belongs."""

    def owner(place: int, rank: str | None) -> Raised | None:
        for one in raised:
            end = max(one.line, one.start) + one.message.count("\n") * 8 + 1
            if one.rank == rank and one.start <= place <= end:
                return one
        return None

    return owner


def cause_at(sign: Sign, place: int, console: Console, facts: dict[str, Any], raised: Raised | None) -> Cause:
    """The cause that a sign tells of, with what only the frames around it show."""
    line = console.lines[place]
    rule, kind, confidence = sign.rule, sign.kind, sign.confidence
    if rule == "out-of-memory" and not kind:
        around = tuple(one.text for one in console.lines[max(0, place - 6) : place + 2] if one.rank == line.rank)
        kind = phase_of(raised, around)
    if rule == "adapter-mismatch" and kind == "rank" and raised is not None and raised.through(*RESUMING):
        rule, kind = "resume-mismatch", "adapter"
    if rule == "embedding-too-small" and kind == "assert" and "Resized token embeddings" in console.text:
        confidence = 0.75
    if rule == "embedding-too-small" and kind == "loaded" and raised is not None and raised.through(*RESUMING):
        rule, kind = "resume-mismatch", "weights"
    if (
        rule == "version-conflict"
        and kind == "missing"
        and facts.get("what", "").split(".")[0] in ("trl", "transformers")
    ):
        facts["what"] = facts["what"].rstrip(".")
    facts = {**facts, "line": line.text.strip()[:300]}
    return Cause(rule, kind, confidence, sign.role, place, line.rank, facts, raised)


RESUMING = ("_load_from_checkpoint", "_load_optimizer_and_scheduler", "_load_rng_state", "_load_optimizer")


def root_rank(console: Console) -> str | None:
    """The rank that torchrun's summary names as the first to fail."""
    for place, line in enumerate(console.lines):
        if ROOT_CAUSE in line.text:
            for one in console.lines[place + 1 : place + 8]:
                if found := ROOT_RANK.search(one.text):
                    return found["rank"]
    return None


# -- what only frames tell ---------------------------------------------------------------------------------------------------


def reward_function(raised: Raised, console: Console, found: list[Cause]) -> Cause | None:
    """An exception below TRL's call of the reward functions; what the table says of its line is taken back."""
    called = [
        at
        for at, frame in enumerate(raised.frames)
        if frame.function in CALLERS or (not frame.own and REWARD_CALL.search(frame.code))
    ]
    refused = REFUSED_CALL.match(raised.message)
    direct = bool(called) and called[-1] + 1 == len(raised.frames) and REWARD_CALL.search(raised.frames[-1].code)
    if not called or not (called[-1] + 1 < len(raised.frames) or (direct and refused)):
        return None
    if any(one.raised is raised and one.rule in RESOURCES for one in found):
        return None
    found[:] = [one for one in found if one.raised is not raised]
    below = raised.frames[called[-1] + 1 :] or raised.frames[-1:]
    where = next((frame for frame in reversed(below) if frame.own), below[0])
    function = refused["name"] if direct and refused else where.function
    facts = {"function": function, "file": where.name, "line": where.line, "error": raised.said[:200] or "?"}
    return Cause("reward-raises", "console", 0.95, "fatal", max(raised.line, raised.start), raised.rank, facts, raised)


def missing_column(raised: Raised, console: Console, found: list[Cause]) -> Cause | None:
    """A KeyError whose key is a column's name, or that was raised while rows were read."""
    key = KEY.match(raised.message.partition("\n")[0].strip()) if raised.kind == "KeyError" else None
    if key is None or any(one.raised is raised for one in found):
        return None
    place = max(raised.line, raised.start)
    facts = {"what": key["key"], "line": raised.said}
    if any("configuration_auto.py" in frame.file for frame in raised.frames):
        return Cause("version-conflict", "model-type", 0.9, "fatal", place, raised.rank, facts, raised)
    if key["key"] in SPLITS:
        return Cause("wrong-columns", "split", 0.8, "fatal", place, raised.rank, facts, raised)
    reading = any(part in frame.file for frame in raised.frames for part in DATA_FRAMES)
    if key["key"] in COLUMNS or reading:
        sure = 0.93 if key["key"] in COLUMNS and (reading or not raised.frames) else 0.75
        return Cause("wrong-columns", "key", sure, "fatal", place, raised.rank, facts, raised)
    return None


def messages_as_text(raised: Raised, console: Console, found: list[Cause]) -> Cause | None:
    """TRL's reading of a row failed on its kind: a text where messages are expected, None where a text is."""
    if (
        raised.kind not in ("TypeError", "AttributeError")
        or not raised.frames
        or any(one.raised is raised for one in found)
    ):
        return None
    last = raised.frames[-1]
    if "trl/" not in last.file.replace("\\", "/") or last.name != "data_utils.py":
        return None
    return Cause("wrong-columns", "type", 0.8, "fatal", raised.line, raised.rank, {"line": raised.said}, raised)


def vllm_memory(raised: Raised, console: Console, found: list[Cause]) -> Cause | None:
    """A traceback cut off where vLLM takes its memory: most often there was too little."""
    if (
        raised.type
        or not raised.frames
        or not any(one in frame.function for frame in raised.frames[-2:] for one in VLLM_MEMORY)
    ):
        return None
    facts = {"line": raised.frames[-1].code or raised.frames[-1].function}
    return Cause(
        "out-of-memory", "vllm", 0.5, "fatal", raised.start + len(raised.frames) - 1, raised.rank, facts, raised
    )


def refused_argument(raised: Raised, console: Console, found: list[Cause]) -> Cause | None:
    """A ValueError that a config or a trainer raised while it was made: what was asked for does not fit together."""
    if raised.kind not in ("ValueError", "NotImplementedError") or not raised.frames:
        return None
    if any(one.raised is raised for one in found):
        return None
    last = raised.frames[-1]
    if last.own or last.function not in ("__post_init__", "__init__") or not ARGUMENT_FILES.search(last.file):
        return None
    facts = {"line": raised.said[:300]}
    return Cause("options-contradict", "refused", 0.5, "fatal", raised.line, raised.rank, facts, raised)


Recogniser = Callable[[Raised, Console, list[Cause]], Cause | None]
RECOGNISERS: tuple[Recogniser, ...] = (
    reward_function,
    missing_column,
    messages_as_text,
    vllm_memory,
    refused_argument,
)


def prose_as_cause(console: Console) -> Cause | None:
    """What people wrote around a log, where nothing in it says more."""
    told = prose_cause(tuple("" if ROW.search(line.text) else line.text for line in console.lines))
    if told is None:
        return None
    facts = {"line": console.lines[told.place].text.strip()[:300]}
    kind = {"out-of-memory": "unplaced", "collective-timeout": "timeout"}.get(told.rule, "told")
    return Cause(told.rule, kind, told.confidence, "warning", told.place, None, facts)


# -- for the rules -----------------------------------------------------------------------------------------------------------


def cause_for(run: Run, rule: str) -> Cause | None:
    """The cause that this rule may name: the first of all, or what was said in passing; None also where there is no console.

    That there is none is said once, by run-died: two dozen rules saying it would hide what else was not checked.
    """
    verdict = verdict_of(run)
    if verdict.first is not None and verdict.first.rule == rule:
        return verdict.first
    return next((one for one in verdict.passing if one.rule == rule), None)


def where(rank: str | None) -> str:
    """The rank or the actor in brackets, ready to stand behind a word; "" where it is not told."""
    if not rank:
        return ""
    return f" (rank {rank})" if rank.isdigit() else f" ({rank})"


def finding_of(
    run: Run,
    cause: Cause,
    *,
    causes: tuple[str, ...],
    fixes: tuple[Fix, ...],
    facts: Mapping[str, Any] | None = None,
    extra: tuple[Evidence, ...] = (),
    severity: Severity | None = None,
) -> Finding:
    """The finding of a rule on a cause, with the lines that show it; what only followed from it is folded under it."""
    verdict = verdict_of(run)
    step = max(run.last_step, run.status.step)
    told = {
        "kind": cause.kind,
        "where": where(cause.rank),
        "step": step,
        "line": "",
        "what": "",
        **cause.facts,
        **(facts or {}),
    }
    fatal = cause.role != "warning"
    found = Finding(
        rule=cause.rule,
        severity=severity or ("error" if fatal else "warning"),
        confidence=cause.confidence,
        first_step=step,
        last_step=step,
        facts=told,
        evidence=(TextEvidence(verdict.console.name, verdict.lines(cause.place)), *extra),
        causes=causes,
        fixes=fixes,
    )
    return found.explaining(verdict.after) if fatal else found
