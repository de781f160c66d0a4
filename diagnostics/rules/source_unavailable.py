"""source-unavailable: a model, a data set or a file that was named could not be had."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "source-unavailable"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "name": ("typo", "token"),
    "gated": ("token",),
    "file": ("adapter", "typo"),
    "offline": ("network",),
    "code": ("typo",),
    "path": ("typo",),
    "in-memory": ("object",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "gated":
        return (Fix("login", "show"),)
    if kind == "offline":
        return (Fix("download", "show"),)
    if kind == "code":
        return (Fix("trust", "show"),)
    if kind == "in-memory":
        return (Fix("save", "show"),)
    return (Fix("name", "show"),)


WORDS = {
    "en": Words(
        title="A model or data set could not be had",
        summary={
            "name": "There is no model or data set of this name{where}. {line}",
            "gated": "Access to the model or data set was refused{where}. {line}",
            "file": "The model's folder or repository lacks a file{where}. {line}",
            "offline": "The Hub could not be reached, and the files are not in the cache{where}. {line}",
            "code": ("The model comes with code of its own, which is not run unless it is trusted{where}. {line}"),
            "path": "A file that was named is not there{where}. {line}",
            "in-memory": (
                "The trainer wanted to load the model a second time, by a name that it does not have{where}. {line}"
            ),
        },
        why="The run ends before it has loaded what it needs.",
        wrong_if="the Hub was down for a moment",
        causes={
            "typo": "The name or the path is wrong, or relative to another folder.",
            "token": "No token, or one without access to this repository.",
            "network": "The machine has no way to the Hub (a proxy, HF_HUB_OFFLINE).",
            "adapter": "The folder holds an adapter or shards, not a whole model.",
            "object": "The model was built in memory, and the reference is loaded by name.",
        },
        fixes={
            "name": "Check the name; a local path must exist from the folder that the run was started in",
            "login": "Accept the model's terms on its page, and log in (`hf auth login`)",
            "download": "Download it beforehand with `hf download`, and name its folder",
            "trust": "Read that code, and set trust_remote_code=True only if you trust it",
            "save": ("Save the model and give its path, pass ref_model, or use LoRA, which needs no second model"),
        },
        about="""Reads the console for the errors of the Hub, transformers, datasets and Python about names, files and access.

A model that was built in memory has no name: DPO without ref_model then looks for a repository called "" and ends with
`Repo id must use alphanumeric chars`. A missing file of the user's own is said with less confidence: the path may be any.""",
    ),
    "zh": Words(
        title="无法取得模型或数据集",
        summary={
            "name": "没有这个名称的模型或数据集{where}。{line}",
            "gated": "对模型或数据集的访问被拒绝{where}。{line}",
            "file": "模型目录或仓库缺少文件{where}。{line}",
            "offline": "无法连接 Hub，缓存里也没有这些文件{where}。{line}",
            "code": "模型自带代码，未声明信任就不会运行{where}。{line}",
            "path": "指定的文件不存在{where}。{line}",
            "in-memory": "训练器想再次按名称载入模型，而它没有名称{where}。{line}",
        },
        why="训练在载入所需内容之前就结束。",
        wrong_if="Hub 只是暂时不可用",
        causes={
            "typo": "名称或路径有误，或相对于另一个目录。",
            "token": "没有令牌，或令牌无权访问该仓库。",
            "network": "机器无法访问 Hub（代理、HF_HUB_OFFLINE）。",
            "adapter": "目录里是适配器或分片，而不是完整模型。",
            "object": "模型是在内存里构建的，而参考模型按名称载入。",
        },
        fixes={
            "name": "检查名称；本地路径要相对于启动训练的目录存在",
            "login": "在模型页面接受条款并登录（`hf auth login`）",
            "download": "事先用 `hf download` 下载，并指定其目录",
            "trust": "先读那段代码，确认可信再设 trust_remote_code=True",
            "save": "先保存模型再给路径，或传入 ref_model，或用 LoRA（不需要第二个模型）",
        },
        about="""在控制台里查找 Hub、transformers、datasets 与 Python 关于名称、文件与访问权限的报错。

在内存里构建的模型没有名称：没有 ref_model 的 DPO 会去找名为空字符串的仓库，并以 `Repo id must use alphanumeric chars` 结束。
用户自己的文件不存在时置信度较低：那个路径可能与训练无关，只是某个辅助文件。""",
    ),
}
