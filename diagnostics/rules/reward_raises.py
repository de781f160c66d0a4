"""reward-raises: a reward function raised an exception, which ended the run."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Words
from diagnostics.messages import has_console
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "reward-raises"
METHODS = ("grpo", "rloo", "ppo", None)
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


WORDS = {
    "en": Words(
        title="A reward function raised an exception",
        summary={"raised": "{function} ({file}, line {line}) raised{where}: {error}"},
        why="An exception in a reward function ends the whole run; with several processes the others wait until they time out.",
        wrong_if="the exception comes from a server that the reward function asks",
        causes={
            "argument": "The function names an argument that the data set has no column for, or takes no **kwargs.",
            "shape": "With conversational prompts a completion is a list of messages, not a text.",
            "value": "An answer of an unexpected form (empty, cut off, no number in it).",
        },
        fixes={
            "signature": "Write it as def f(completions, **kwargs); take the text of a conversational completion as "
            'completion[0]["content"]; return 0.0 for answers that cannot be judged'
        },
        about="""Reads the tracebacks of the console log: if TRL was calling the reward functions (_calculate_rewards), the frame below
is the function that raised. Of several ranks the first counts: the others wait for it until they time out.""",
    ),
    "zh": Words(
        title="奖励函数抛出异常",
        summary={"raised": "{function}（{file} 第 {line} 行）抛出异常{where}：{error}"},
        why="奖励函数里的异常会结束整个训练；多进程时其他进程会一直等到超时。",
        wrong_if="异常来自奖励函数所请求的服务",
        causes={
            "argument": "函数需要的参数在数据集里没有对应的列，或没有接受 **kwargs。",
            "shape": "对话式提示的回答是消息列表，而不是文本。",
            "value": "回答的形式出乎意料（为空、被截断、其中没有数字）。",
        },
        fixes={
            "signature": '写成 def f(completions, **kwargs)；对话式回答的文本取 completion[0]["content"]；无法评判的回答'
            "返回 0.0"
        },
        about="""读取控制台日志的 traceback：如果 TRL 正在调用奖励函数（_calculate_rewards），其下一层就是抛出异常的函数。只看属于用户
自己代码的那一层；库里的层不算。多个 rank 时以最先的为准：其他 rank 只是等它直到超时。""",
    ),
}
