"""reward-raises: a reward function raised an exception, which ended the run, or would end it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from diagnostics.finding import CannotJudge, Finding, Fix, Severity, TableEvidence, Words
from diagnostics.measure import ONLINE
from diagnostics.messages import has_console
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight.material import Material, RewardTrial
from diagnostics.preflight.trials import failed, junk_failures, said, trials_of
from diagnostics.run import Run
from diagnostics.run.refusal import cut

NAME = "reward-raises"
METHODS = ("grpo", "rloo", "ppo", None)
PREFLIGHT_METHODS = ONLINE
EXPLAINS = ("run-died", "collective-timeout", "server-unreachable")


def check(run: Run) -> Finding | None:
    """Look in the tracebacks, of whatever rank, for a frame below TRL's call of the reward functions."""
    cause = cause_for(run, NAME)
    if cause is None:
        if not has_console(run):
            raise CannotJudge("no-console")
        return None
    error = str(cause.facts["error"])
    signature = "positional argument" in error or "keyword argument" in error
    return finding_of(
        run,
        cause,
        causes=("argument",) if signature else ("shape", "value"),
        fixes=(Fix("signature", "show"),),
    )


def preflight(material: Material) -> Finding | None:
    """Tell of functions that cannot be imported, raise or end the process on ordinary answers; then of those on junk."""
    trials = trials_of(material)
    broken = failed(trials, "import", "raises", "died")
    if broken:
        return told(broken[0], kind_of(broken[0]), "error", 0.98, broken)
    junk = junk_failures(trials, "raises", "died", "wrong-count", "not-a-number", "none")
    if not junk:
        return None
    one, probe, message = junk[0]
    found = told(one, "junk", "warning", 0.9, [])
    rows = tuple((trial.name, call, sentence) for trial, call, sentence in junk)
    table = TableEvidence("answers", ("function", "answer", "error"), rows)
    return replace(found, facts={**found.facts, "error": message, "probe": probe}, evidence=(table,), causes=("value",))


def kind_of(one: RewardTrial) -> str:
    """What is wrong, as far as the trial could tell it apart."""
    assert one.failed is not None
    if one.failed[0] in ("import", "died"):
        return one.failed[0]
    if one.facts.get("missing"):
        return "columns"
    if one.facts.get("extra") and "unexpected keyword argument" in one.failed[1]:
        return "no-kwargs"
    if one.facts.get("other_form"):
        return "messages" if one.facts.get("conversational") else "texts"
    return "raises"


def told(one: RewardTrial, kind: str, severity: Severity, confidence: float, broken: list[RewardTrial]) -> Finding:
    """The finding of a trial."""
    causes = {
        "columns": ("argument",), "no-kwargs": ("argument",), "messages": ("shape",), "texts": ("shape",),
        "import": ("missing-module",), "died": ("process",),
    }  # fmt: skip
    frame = one.facts.get("frame")
    return Finding(
        rule=NAME,
        severity=severity,
        confidence=confidence,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "function": one.name,
            "file": Path(frame[0]).name if frame else one.spec,
            "line": frame[1] if frame else 0,
            "error": cut(one.facts.get("error") or (one.failed[1] if one.failed else ""), 200),
            "said": cut(one.failed[1], 300) if one.failed else "",
            "row": one.facts.get("row", "-"),
            "missing": ", ".join(one.facts.get("missing", ())),
            "probe": "",
        },
        evidence=said(broken),
        causes=causes.get(kind, ("value", "shape")),
        fixes=(Fix("import" if kind == "import" else "signature", "show"),),
    )


WORDS = {
    "en": Words(
        title="A reward function raised an exception",
        summary={
            "console": "{function} ({file}, line {line}) raised{where}: {error}",
            "import": "{said}",
            "raises": "Tried on rows of the data, {function} ({file}, line {line}) raised, first at row {row}: {error}",
            "columns": "{function} asks for {missing}, and the data set has no such column: {error}",
            "no-kwargs": "{function} takes no **kwargs, and TRL passes more than it names: {error}",
            "messages": "{function} ({file}, line {line}) takes each completion for a text; with these prompts it is a list "
            "of messages: {error}",
            "texts": "{function} ({file}, line {line}) takes each completion for a list of messages; with these prompts it "
            "is a text: {error}",
            "died": "Tried on rows of the data, {said}.",
            "junk": "{function} fails on an answer that a model may well give (probe: {probe}): {error}",
        },
        why="An exception in a reward function ends the whole run; with several processes the others wait until they time out.",
        wrong_if="the exception comes from a server that the reward function asks",
        causes={
            "argument": "The function names an argument that the data set has no column for, or takes no **kwargs.",
            "shape": "With conversational prompts a completion is a list of messages, not a text.",
            "value": "An answer of an unexpected form (empty, cut off, no number in it).",
            "missing-module": "The file, the function or a package that it imports is not there.",
            "process": "A crash in a native library, or a call that ends the process (os._exit).",
        },
        fixes={
            "signature": "Write it as def f(completions, **kwargs); take the text of a conversational completion as "
            'completion[0]["content"]; return 0.0 for answers that cannot be judged',
            "import": "Name it as FILE.py:FUNCTION, from the folder in which training is started",
        },
        about="""Reads the tracebacks of the console log: if TRL was calling the reward functions (_calculate_rewards), the frame below
is the function that raised. Of several ranks the first counts: the others wait for it until they time out.

Before a run, each function is called as TRL 1.16 calls it, on up to 32 rows of the data in a process of its own, with
reference answers, ordinary ones and junk. An error where it fails on the former, a warning where only junk (an empty
answer, say) makes it fail: a model will give such answers.""",
    ),
    "zh": Words(
        title="奖励函数抛出异常",
        summary={
            "console": "{function}（{file} 第 {line} 行）抛出异常{where}：{error}",
            "import": "奖励函数无法导入：{said}",
            "raises": "在数据的若干行上试运行时，{function}（{file} 第 {line} 行）抛出异常，最先在第 {row} 行：{error}",
            "columns": "{function} 需要 {missing}，而数据集没有这一列：{error}",
            "no-kwargs": "{function} 没有接受 **kwargs，而 TRL 传入的参数比它列出的多：{error}",
            "messages": "{function}（{file} 第 {line} 行）把每个回答当作文本；而这里的提示是对话，回答是消息列表：{error}",
            "texts": "{function}（{file} 第 {line} 行）把每个回答当作消息列表；而这里的提示是文本，回答也是文本：{error}",
            "died": "在数据的若干行上试运行时，奖励函数使整个进程结束：{said}。",
            "junk": "{function} 在模型很可能给出的回答上出错（探针：{probe}）：{error}",
        },
        why="奖励函数里的异常会结束整个训练；多进程时其他进程会一直等到超时。",
        wrong_if="异常来自奖励函数所请求的服务",
        causes={
            "argument": "函数需要的参数在数据集里没有对应的列，或没有接受 **kwargs。",
            "shape": "对话式提示的回答是消息列表，而不是文本。",
            "value": "回答的形式出乎意料（为空、被截断、其中没有数字）。",
            "missing-module": "文件、函数或它所导入的包不存在。",
            "process": "本地库崩溃，或有调用结束了进程（os._exit）。",
        },
        fixes={
            "signature": '写成 def f(completions, **kwargs)；对话式回答的文本取 completion[0]["content"]；无法评判的回答'
            "返回 0.0",
            "import": "写成 FILE.py:FUNCTION，路径相对于启动训练的文件夹",
        },
        about="""读取控制台日志的 traceback：如果 TRL 正在调用奖励函数（_calculate_rewards），其下一层就是抛出异常的函数。只看属于用户
自己代码的那一层；库里的层不算。多个 rank 时以最先的为准：其他 rank 只是等它直到超时。

训练之前，在独立的进程里按 TRL 1.16 的方式、用数据中最多 32 行试调每个函数，分别给参考回答、普通回答和垃圾回答。前两者出错为错误；
只有垃圾回答（例如空回答）出错为警告：模型迟早会给出这样的回答。""",
    ),
}
