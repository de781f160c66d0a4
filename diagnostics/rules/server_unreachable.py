"""server-unreachable: the server that generates answers was not there, or lacks what training needs of it."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "server-unreachable"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "absent": ("not-started", "address"),
    "development": ("flags",),
    "engine": ("flags",),
    "device": ("flags",),
    "refused": ("not-started", "address"),
    "inner": ("not-started",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "absent":
        return (
            Fix("start", "show"),
            Fix("colocate", "ask", edits(run, vllm_mode="colocate")),
        )
    if kind in ("refused", "inner"):
        return (Fix("start", "show"),)
    return (Fix("flags", "show"),)


WORDS = {
    "en": Words(
        title="The generation server did not answer as needed",
        summary={
            "absent": "No vLLM server answered at the address{where}. {line}",
            "development": "The vLLM server runs without the endpoints that training needs{where}. {line}",
            "engine": "The vLLM server has no engine to take over weights{where}. {line}",
            "device": "Weights can only be handed over between CUDA devices{where}. {line}",
            "refused": "A server refused the connection{where}. {line}",
            "inner": "vLLM's engine ended; its own error is not in this console{where}. {line}",
        },
        why="Without answers there is nothing to train on.",
        wrong_if="the refused connection is of another service, such as a tracker",
        causes={
            "not-started": "The server was not started, is still loading, or ended.",
            "flags": "It was started by `vllm serve` without the flags that TRL asks for.",
            "address": "Host or port are others than the server's.",
        },
        fixes={
            "start": (
                "Start `trl vllm-serve --model ...` first, and wait until it answers; check "
                "vllm_server_host and vllm_server_port"
            ),
            "flags": "Restart the server with VLLM_SERVER_DEV_MODE=1 and the flags that the message names",
            "colocate": "Generate inside the training process",
        },
        about="""Reads the console for the errors of TRL's vLLM client (vllm_client.py of TRL 1.16) and for connections that were refused.

A refused connection alone may be that of another service, and is said with less confidence. That vLLM's engine ended tells
only that an error stands elsewhere: where the console holds it, that is the finding.""",
    ),
    "zh": Words(
        title="生成服务器没有按需响应",
        summary={
            "absent": "该地址没有 vLLM 服务器响应{where}。{line}",
            "development": "vLLM 服务器缺少训练所需的接口{where}。{line}",
            "engine": "vLLM 服务器没有接收权重的引擎{where}。{line}",
            "device": "权重只能在 CUDA 设备之间传递{where}。{line}",
            "refused": "服务器拒绝连接{where}。{line}",
            "inner": "vLLM 引擎已结束；它自己的报错不在这份控制台里{where}。{line}",
        },
        why="没有回答就没有可训练的内容。",
        wrong_if="被拒绝的连接属于别的服务，例如实验跟踪器",
        causes={
            "not-started": "服务器没有启动、仍在加载或已经结束。",
            "flags": "用 `vllm serve` 启动时没有加 TRL 要求的参数。",
            "address": "主机或端口与服务器不同。",
        },
        fixes={
            "start": "先启动 `trl vllm-serve --model ...` 并等它响应；检查 vllm_server_host 与 vllm_server_port",
            "flags": "按报错所指的参数并设 VLLM_SERVER_DEV_MODE=1 重启服务器",
            "colocate": "在训练进程内生成",
        },
        about="""在控制台里查找 TRL 的 vLLM 客户端（TRL 1.16 的 vllm_client.py）的报错，以及被拒绝的连接。

仅有被拒绝的连接时可能是别的服务，因此置信度较低。vLLM 引擎已结束只说明真正的报错在别处：如果控制台里有那个报错，就报告那个报错，
而不是引擎已结束这一后果；否则以较低的置信度报告。""",
    ),
}
