"""reward-raises: a reward function raised an exception, which ended the run."""

from __future__ import annotations

from pathlib import Path

from diagnostics.finding import CannotJudge, Finding, Fix, TextEvidence, Words
from diagnostics.messages import console_lines, traceback_frames
from diagnostics.run import Run

NAME = "reward-raises"
METHODS = ("grpo", "rloo", "ppo", None)
EXPLAINS = ("run-died",)

# The functions of TRL that call a reward function: what lies below them in a traceback is the user's.
CALLERS = ("_calculate_rewards", "get_reward", "_compute_rewards")
LIBRARIES = ("site-packages", "dist-packages")
LINES = 12


def check(run: Run) -> Finding | None:
    """Look in the last traceback for a frame below TRL's call of the reward functions."""
    name, lines = console_lines(run)
    if not lines:
        raise CannotJudge("no-console")
    frames = traceback_frames(lines)
    called = [place for place, (_, _, function) in enumerate(frames) if function in CALLERS]
    if not called or called[-1] + 1 >= len(frames):
        return None
    users = [one for one in frames[called[-1] + 1 :] if not any(part in LIBRARIES for part in one[0].parts)]
    where = users[-1] if users else frames[called[-1] + 1]
    begins = max(place for place, line in enumerate(lines) if "Traceback (most recent call last)" in line)
    error = next((line for line in lines[begins + 1 :] if line and not line.startswith((" ", "\t"))), lines[-1])
    step = max(run.last_step, run.status.step)
    at = next((place for place, line in enumerate(lines) if place > begins and str(where[0]) in line), begins)
    shown = (*lines[at : at + LINES], *([error] if error not in lines[at : at + LINES] else []))
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.95,
        first_step=step,
        last_step=step,
        facts={"function": where[2], "file": Path(where[0]).name, "line": where[1], "error": error.strip()[:200]},
        evidence=(TextEvidence(name, tuple(shown)),),
        causes=("argument",) if "positional argument" in error or "keyword argument" in error else ("shape", "value"),
        fixes=(Fix("signature", "show"),),
    )


WORDS = {
    "en": Words(
        title="A reward function raised an exception",
        summary="{function} ({file}, line {line}) raised: {error}",
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
        about="""Reads the last traceback of the console log: if TRL was calling the reward functions (_calculate_rewards), the
frame below is the function that raised.""",
    ),
    "zh": Words(
        title="奖励函数抛出异常",
        summary="{function}（{file} 第 {line} 行）抛出：{error}",
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
        about="""读取控制台日志的最后一个 traceback：如果 TRL 正在调用奖励函数（_calculate_rewards），其下一层就是抛出异常的
函数。只看属于用户自己代码的那一层；库里的层不算。""",
    ),
}
