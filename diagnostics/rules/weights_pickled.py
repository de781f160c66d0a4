"""weights-pickled: the saved weights can only be opened by unpickling, which may run code; they were not opened."""

from __future__ import annotations

from diagnostics.checkpoints import label, settled
from diagnostics.finding import Finding, Fix, TextEvidence, Words
from diagnostics.run import Run

NAME = "weights-pickled"
METHODS = None
EXPLAINS = ()

CONVERTED = ("pytorch_model", "adapter_model.bin")
SHOWN = 12


def check(run: Run) -> Finding | None:
    """Look for checkpoints whose weights lie in pickled files and not in safetensors beside them."""
    found = [one for one in settled(run) if one.pickled and not one.weights]
    if not found:
        return None
    names = [f"{label(run, one)}/{name}" for one in found for name in one.pickled]
    convertible = any(name.startswith(CONVERTED) and name.endswith(".bin") for name in found[0].pickled)
    fix = Fix("convert", "show", (), {"folder": str(found[0].folder)}) if convertible else Fix("save", "show")
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.99,
        first_step=found[-1].step,
        last_step=found[0].step,
        facts={"file": names[0], "count": len(names)},
        evidence=(TextEvidence(names[0].partition("/")[0], tuple(names[:SHOWN])),),
        causes=("old",),
        fixes=(fix,),
    )


WORDS = {
    "en": Words(
        title="The weights are pickled and were not opened",
        summary="{count} files of weights are pickled ({file}); whether they are whole, finite and trained was not judged.",
        why="Opening a pickle may run whatever code its author put into it; safetensors hold numbers alone.",
        wrong_if="the safetensors lie in another folder",
        causes={"old": "They were saved by an old version of transformers or peft, or with safe_serialization=False."},
        fixes={
            "convert": "python -m diagnostics convert {folder}, which writes safetensors into a new folder and refuses "
            "whatever is no tensor",
            "save": "Save the weights as safetensors (save_pretrained does) before they are given on",
        },
        about="""Names weights that lie in pytorch_model.bin, adapter_model.bin or other pickled files (.pt, .pth, .ckpt) without
safetensors beside them. They are never opened here: a pickle can run code. The Trainer's own optimizer.pt, scheduler.pt,
rng_state and training_args.bin are no weights and are not named.""",
    ),
    "zh": Words(
        title="权重是 pickle 格式，没有打开",
        summary="有 {count} 个权重文件是 pickle 格式（{file}）；是否完整、是否有限、是否训练过，都没有判断。",
        why="打开 pickle 可能执行作者放进去的任意代码；safetensors 只存放数。",
        wrong_if="safetensors 放在另一个文件夹里",
        causes={"old": "由旧版 transformers 或 peft 保存，或设了 safe_serialization=False。"},
        fixes={
            "convert": "python -m diagnostics convert {folder}：在新文件夹里写成 safetensors，拒绝任何不是张量的内容",
            "save": "交给别人之前，把权重存成 safetensors（save_pretrained 默认如此）",
        },
        about="""指出只以 pytorch_model.bin、adapter_model.bin 或其他 pickle 文件（.pt、.pth、.ckpt）存放、旁边没有 safetensors 的
权重。这里从不打开它们：pickle 可以执行代码。Trainer 自己的 optimizer.pt、scheduler.pt、rng_state 和 training_args.bin 不是权重，
不在此列。""",
    ),
}
