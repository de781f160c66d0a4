"""version-conflict: installed versions, drivers or compiled parts that do not go together, or a library that is missing."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "version-conflict"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout", "server-unreachable")

# What is behind each kind, most likely first.
CAUSES = {
    "driver": ("wheel",),
    "gpu": ("wheel",),
    "no-cuda": ("wheel",),
    "binary": ("upgrade", "wheel"),
    "toolkit": ("wheel",),
    "nccl": ("upgrade",),
    "numpy": ("upgrade",),
    "need": ("upgrade", "old"),
    "model-type": ("old",),
    "weights-only": ("upgrade",),
    "bitsandbytes": ("wheel",),
    "flash": ("absent", "wheel"),
    "missing": ("absent",),
    "shadowed": ("own-file",),
    "name": ("upgrade", "old"),
    "import": ("upgrade", "wheel"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("need", "name", "import", "numpy", "nccl"):
        return (Fix("together", "show"),)
    if kind == "model-type":
        return (Fix("upgrade", "show"),)
    if kind == "missing":
        return (Fix("install", "show"),)
    if kind == "flash":
        return (
            Fix("attention", "safe", edits(run, attn_implementation="sdpa")),
            Fix("match", "show"),
        )
    if kind == "shadowed":
        return (Fix("rename", "show"),)
    if kind == "weights-only":
        return (Fix("weights-only", "show"),)
    return (Fix("match", "show"),)


WORDS = {
    "en": Words(
        title="The installed versions do not go together",
        summary={
            "driver": "The NVIDIA driver is older than the CUDA that torch was built for{where}. {line}",
            "gpu": "The installed build has no code for this GPU{where}. {line}",
            "no-cuda": "The installed torch is built for the CPU only{where}. {line}",
            "binary": "A compiled part was built against another version of a library{where}. {line}",
            "toolkit": "The CUDA toolkit on the machine is another than torch's{where}. {line}",
            "nccl": "The processes have different versions of NCCL{where}. {line}",
            "numpy": "A compiled part was built for another numpy{where}. {line}",
            "need": "A library asks for another version of one that is installed{where}. {line}",
            "model-type": ("The installed transformers or vLLM does not know this model's architecture{where}. {line}"),
            "weights-only": "torch 2.6 and newer refuse to unpickle what this checkpoint holds{where}. {line}",
            "bitsandbytes": "bitsandbytes does not find its CUDA library{where}. {line}",
            "flash": "Flash attention was asked for and is not installed, or not usable{where}. {line}",
            "missing": "A library that is needed is not installed{where}. {line}",
            "shadowed": "A file of the user's own hides a library of the same name{where}. {line}",
            "name": (
                "A library does not have the name that another imports from it: their versions do "
                "not go together{where}. {line}"
            ),
            "import": "A module could not be imported; its own error stands above{where}. {line}",
        },
        why="The run cannot begin in this environment.",
        wrong_if="another environment than the one meant was active",
        causes={
            "upgrade": "One package was upgraded alone.",
            "wheel": "The wheel is for another CUDA, another GPU or another Python.",
            "old": "The installed version is older than the model or the script.",
            "absent": "It was never installed in this environment.",
            "own-file": "A script is called like a library (trl.py, datasets.py).",
        },
        fixes={
            "match": (
                "Install torch from the index of the driver's CUDA (nvidia-smi shows it), and "
                "rebuild flash-attn, bitsandbytes and deepspeed for it"
            ),
            "together": (
                "Install trl, transformers, accelerate, peft and vllm together in a fresh "
                "environment, so that their versions are solved as one"
            ),
            "upgrade": "Upgrade transformers (and vLLM)",
            "install": "Install the library that the message names",
            "attention": "Use torch's own attention",
            "rename": "Rename the file, and delete its __pycache__",
            "weights-only": (
                "Upgrade transformers, which allows what its own checkpoints hold; unpickle only files that you trust"
            ),
        },
        about="""Reads the console for drivers that are too old, kernels that are missing for a GPU, undefined symbols, libraries that ask for
another version, architectures that the installed transformers does not know, and modules that are not there.

A name that TRL or transformers itself removed is api-removed; an argument is argument-renamed.""",
    ),
    "zh": Words(
        title="安装的版本不兼容",
        summary={
            "driver": "NVIDIA 驱动比 torch 所用的 CUDA 旧{where}。{line}",
            "gpu": "安装的版本没有适用于该 GPU 的代码{where}。{line}",
            "no-cuda": "安装的 torch 只支持 CPU{where}。{line}",
            "binary": "某个编译组件是针对另一版本的库构建的{where}。{line}",
            "toolkit": "机器上的 CUDA 工具包与 torch 的不同{where}。{line}",
            "nccl": "各进程的 NCCL 版本不同{where}。{line}",
            "numpy": "某个编译组件是为另一版本的 numpy 构建的{where}。{line}",
            "need": "某个库要求另一版本的依赖{where}。{line}",
            "model-type": "已安装的 transformers 或 vLLM 不认识该模型的架构{where}。{line}",
            "weights-only": "torch 2.6 起拒绝反序列化该检查点的内容{where}。{line}",
            "bitsandbytes": "bitsandbytes 找不到 CUDA 库{where}。{line}",
            "flash": "要求使用 FlashAttention，但没有安装或不可用{where}。{line}",
            "missing": "缺少所需的库{where}。{line}",
            "shadowed": "用户自己的文件遮盖了同名的库{where}。{line}",
            "name": "某个库里没有另一个库要导入的名称：版本不匹配{where}。{line}",
            "import": "某个模块导入失败；具体错误在上方{where}。{line}",
        },
        why="在这个环境里训练无法开始。",
        wrong_if="激活的不是预期的环境",
        causes={
            "upgrade": "单独升级了某一个包。",
            "wheel": "安装包对应另一种 CUDA、GPU 或 Python。",
            "old": "安装的版本早于模型或脚本。",
            "absent": "这个环境里从未安装。",
            "own-file": "脚本与库同名（trl.py、datasets.py）。",
        },
        fixes={
            "match": "按驱动的 CUDA 版本（nvidia-smi 可查）安装 torch，并为它重新构建 flash-attn、bitsandbytes 与 deepspeed",
            "together": "在全新环境里一次性安装 trl、transformers、accelerate、peft 与 vllm，让版本统一解析",
            "upgrade": "升级 transformers（和 vLLM）",
            "install": "安装报错中指出的库",
            "attention": "使用 torch 自带的注意力",
            "rename": "重命名该文件，并删除其 __pycache__",
            "weights-only": "升级 transformers（它允许自己的检查点内容）；只反序列化可信的文件",
        },
        about="""在控制台里查找驱动过旧、缺少 GPU 对应的内核、未定义的符号、要求其他版本的库、已安装 transformers 不认识的架构，以及缺失的模块。

TRL 或 transformers 自己移除的名称属于 api-removed；参数属于 argument-renamed。""",
    ),
}
