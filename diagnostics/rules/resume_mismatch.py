"""resume-mismatch: the checkpoint that a run goes on from is not of the model, the LoRA or the step that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, TableEvidence, Words
from diagnostics.fixing import edits
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint, base_folder, checkpoint_at, json_object
from diagnostics.run.folder import ADAPTER_FILE, CHECKPOINT, STATE_FILE

NAME = "resume-mismatch"
METHODS = None
EXPLAINS = ("run-died",)

RANK = 16  # TRL's default of lora_r (trl.ModelConfig, 1.16)
SHAPE = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads")
Row = tuple[str, str, str]


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "optimizer": ("console-config", "console-vocabulary"),
    "adapter": ("console-config",),
    "weights": ("console-vocabulary", "console-config"),
    "missing": ("console-path",),
    "sharding": ("console-launch",),
    "world": ("console-launch",),
    "exists": ("console-path",),
}


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("missing", "exists"):
        return (Fix("console-afresh", "ask", run_edits(run, resume_from_checkpoint=False)),)
    if kind in ("sharding", "world"):
        return (Fix("console-launch", "show"),)
    return (
        Fix("console-same", "show"),
        Fix("console-weights", "show"),
    )


def check(run: Run) -> Finding | None:
    """Judge the checkpoint that was resumed from, and the run's own by their steps."""
    return by_console(run) or by_checkpoint(run)


def by_checkpoint(run: Run) -> Finding | None:
    """Compare the checkpoint resumed from with the config; and of each of the run's own, its step with its folder's name."""
    folder = resumed_from(run)
    if folder is not None:
        found = against_config(run, folder)
        if found is not None:
            return found
    own = [] if not run.path.is_dir() else list(run.checkpoints.items())
    if folder is None and not own:
        raise CannotJudge("no-checkpoint")
    misnamed = [(step, path, at) for step, path in own if (at := step_of(path)) is not None and at != step]
    if not misnamed:
        return None
    rows = [(path.name, str(at), str(step)) for step, path, at in misnamed]
    return finding(run, "step", misnamed[0][1], "warning", 0.9, rows, ("renamed",), ())


def resumed_from(run: Run) -> Path | None:
    """The folder that a run was asked to go on from, if it is on this machine."""
    named = run.config.get("resume_from_checkpoint")
    return base_folder(named, run.path, run.path.parent) if isinstance(named, str) else None


def against_config(run: Run, folder: Path) -> Finding | None:
    """What of a checkpoint is not as the run's config asks."""
    one = checkpoint_at(folder, 0)
    grave: Any = "error" if run.status.state == "failed" else "warning"
    adapter = ADAPTER_FILE in one.names
    lora = run.asked.get("use_peft")
    if adapter and run.asked and lora in (None, False):
        rows = [("use_peft", "adapter", "full model")]
        fix = Fix("lora", "ask", edits(run, use_peft=True))
        return finding(run, "adapter", folder, grave, 0.85, rows, ("other",), (fix,))
    if not adapter and lora is True and (one.weights or "config.json" in one.names):
        rows = [("use_peft", "full model", "adapter")]
        fix = Fix("full", "ask", edits(run, use_peft=False))
        return finding(run, "full", folder, grave, 0.85, rows, ("other",), (fix,))
    if adapter and (found := against_lora(run, one, grave)):
        return found
    if not adapter and (rows := other_shapes(run, folder)):
        return finding(run, "shape", folder, grave, 0.9, rows, ("other",), (Fix("choose", "show"),))
    named = CHECKPOINT.search(folder.name)
    at = step_of(folder)
    if named and at is not None and at != int(named[1]):
        rows = [(folder.name, str(at), named[1])]
        return finding(run, "step", folder, "warning", 0.9, rows, ("renamed",), ())
    if STATE_FILE in one.names and not any(name.startswith(("optimizer", "global_step")) for name in one.names):
        rows = [(folder.name, "-", "optimizer.pt")]
        return finding(
            run, "optimizer", folder, "warning", 0.85, rows, ("only-model",), (Fix("keep-optimizer", "show"),)
        )
    return None


def against_lora(run: Run, one: Checkpoint, grave: Any) -> Finding | None:
    """Compare the checkpoint's adapter with the LoRA that was asked for; only what the run's own request tells."""
    config = one.adapter or {}
    if not run.asked or config.get("peft_type", "LORA") != "LORA":
        return None
    rank, had = run.asked.get("lora_r", RANK), config.get("r")
    if isinstance(had, int) and isinstance(rank, int) and had != rank:
        fix = Fix("rank", "ask", edits_of_asked(run, lora_r=had), {"r": had})
        return finding(run, "rank", one.folder, grave, 0.95, [("lora_r", str(had), str(rank))], ("other",), (fix,))
    asked, targets = names_of(run.asked.get("lora_target_modules")), names_of(config.get("target_modules"))
    if asked and targets and "all-linear" not in asked and asked != targets:
        fix = Fix("modules", "ask", edits_of_asked(run, lora_target_modules=sorted(targets)))
        row = ("lora_target_modules", ", ".join(sorted(targets)), ", ".join(sorted(asked)))
        return finding(run, "modules", one.folder, grave, 0.9, [row], ("other",), (fix,))
    return None


def edits_of_asked(run: Run, **changes: Any) -> tuple[Edit, ...]:
    """Edits whose old values are those of the request: the config may have taken the adapter's own in their place."""
    return tuple(Edit(name, run.asked.get(name), new) for name, new in changes.items() if run.asked.get(name) != new)


def names_of(value: Any) -> set[str]:
    """Names given as one or as several."""
    if isinstance(value, str):
        return {value}
    return {str(one) for one in value} if isinstance(value, list | tuple | set) else set()


def other_shapes(run: Run, folder: Path) -> list[Row]:
    """In what the sizes of a full model differ from those of the model asked for, where both can be read."""
    base = base_folder(run.asked.get("model_name_or_path"), run.path)
    saved = json_object(folder / "config.json")
    asked = json_object(base / "config.json") if base is not None else None
    if saved is None or asked is None:
        return []
    return [
        (name, str(saved[name]), str(asked[name]))
        for name in SHAPE
        if name in saved and name in asked and saved[name] != asked[name]
    ]


def step_of(folder: Path) -> int | None:
    """The step that the Trainer's state in a checkpoint names."""
    state: Mapping[str, Any] = json_object(folder / STATE_FILE) or {}
    step = state.get("global_step")
    return step if isinstance(step, int) and not isinstance(step, bool) else None


def finding(
    run: Run,
    kind: str,
    folder: Path,
    severity: Any,
    confidence: float,
    rows: list[Row],
    causes: tuple[str, ...],
    fixes: tuple[Fix, ...],
) -> Finding:
    """The finding with its table."""
    step = step_of(folder) or 0
    what, had, asked = rows[0]
    return Finding(
        rule=NAME,
        severity=severity,
        confidence=confidence,
        first_step=step,
        last_step=max(step, run.last_step),
        facts={"kind": f"file-{kind}", "checkpoint": folder.name, "what": what, "had": had, "asked": asked},
        evidence=(TableEvidence(folder.name, ("what", "checkpoint", "asked"), tuple(rows)),),
        causes=causes,
        fixes=fixes or (Fix("choose", "show"),),
    )


WORDS = {
    "en": Words(
        title="The checkpoint is not that of this run",
        summary={
            "file-rank": "{checkpoint} holds a LoRA of rank {had}; asked for is rank {asked}.",
            "file-modules": "{checkpoint} holds a LoRA for {had}; asked for are {asked}.",
            "file-adapter": "{checkpoint} holds an adapter; asked for is the training of a full model.",
            "file-full": "{checkpoint} holds a full model; asked for is LoRA.",
            "file-shape": "{checkpoint} holds a model with {what}={had}; that of the model asked for is {asked}.",
            "file-step": "{checkpoint}: the Trainer's state in it is at step {had}, its name says {asked}.",
            "file-optimizer": "{checkpoint} holds no optimizer state: the run goes on with an optimizer that begins anew.",
            "console-optimizer": "The optimizer's state is for another set of trainable parameters{where}. {line}",
            "console-adapter": "The checkpoint's adapter has another shape than this run's{where}. {line}",
            "console-weights": "The checkpoint's weights have other shapes than this run's model{where}. {line}",
            "console-missing": "There is no checkpoint to resume from{where}. {line}",
            "console-sharding": "The checkpoint was saved under another kind of sharding{where}. {line}",
            "console-world": "The checkpoint was saved by another number of processes{where}. {line}",
            "console-exists": "The output folder is not empty, and nothing says whether to resume{where}. {line}",
        },
        why="Resumed so, a run ends in a size mismatch, or goes on at another step or with other moments than it seems to.",
        wrong_if="the checkpoint is only meant as a starting point, not to be resumed from",
        causes={
            "other": "The config was changed between the two parts of the training.",
            "renamed": "A folder was copied or renamed by hand, or two runs wrote into one folder.",
            "only-model": "save_only_model=True, or the optimizer's file was removed to save space.",
            "console-config": (
                "The adapter's config (rank, target modules, modules_to_save) or the frozen layers changed since."
            ),
            "console-vocabulary": "The vocabulary was resized in one of the two runs only.",
            "console-path": ("The path is wrong, or the checkpoint was deleted by save_total_limit, or never saved."),
            "console-launch": "The run was started with another launcher, number of GPUs or sharding.",
        },
        fixes={
            "rank": "Ask for lora_r={r}, as in the checkpoint",
            "modules": "Ask for the modules of the checkpoint",
            "lora": "Go on with use_peft=true",
            "full": "Go on with use_peft=false",
            "choose": "Name the checkpoint of this very training in resume_from_checkpoint, or start anew from its weights",
            "keep-optimizer": "Save with save_only_model=False; without the optimizer's state begin a new run from these "
            "weights, with a warm-up",
            "console-same": (
                "Resume with the same adapter config, frozen layers and vocabulary as the "
                "checkpoint; adapter_config.json beside it tells"
            ),
            "console-weights": (
                "Start a new training from these weights instead (model_name_or_path), without the optimizer's state"
            ),
            "console-afresh": "Start without resuming",
            "console-launch": "Resume with the launcher, sharding and number of processes that saved it",
        },
        about="""Looks at the checkpoint that resume_from_checkpoint names: its adapter's rank and modules, or its model's sizes,
against the run's config; the step in its trainer_state.json against its folder's name; whether the optimizer's state is
there. Of the run's own checkpoints the step is compared too.

PyTorch's own words are "size mismatch for ...lora_A.default.weight" or "loaded state dict contains a parameter group that
doesn't match the size of optimizer's group" (huggingface/peft#859).

Reads the console for the errors of torch, transformers and DeepSpeed while a checkpoint is loaded to be resumed.

Sources: huggingface/peft#859, unslothai/unsloth#3108, modelscope/ms-swift#107.""",
    ),
    "zh": Words(
        title="检查点与这次训练不符",
        summary={
            "file-rank": "{checkpoint} 里的 LoRA 秩为 {had}，而要求的是 {asked}。",
            "file-modules": "{checkpoint} 里的 LoRA 属于 {had}，而要求的是 {asked}。",
            "file-adapter": "{checkpoint} 里是适配器，而要求的是训练完整模型。",
            "file-full": "{checkpoint} 里是完整模型，而要求的是 LoRA。",
            "file-shape": "{checkpoint} 里的模型 {what}={had}，而所要求的模型是 {asked}。",
            "file-step": "{checkpoint}：其中 Trainer 的状态在第 {had} 步，文件夹名却是 {asked}。",
            "file-optimizer": "{checkpoint} 里没有优化器状态：继续训练时优化器从头开始。",
            "console-optimizer": "优化器状态对应的可训练参数与现在不同{where}。{line}",
            "console-adapter": "检查点的适配器与当前训练的形状不同{where}。{line}",
            "console-weights": "检查点的权重与当前模型的形状不同{where}。{line}",
            "console-missing": "没有可恢复的检查点{where}。{line}",
            "console-sharding": "检查点是以另一种分片方式保存的{where}。{line}",
            "console-world": "检查点是由不同数量的进程保存的{where}。{line}",
            "console-exists": "输出目录非空，而没有说明是否恢复训练{where}。{line}",
        },
        why="这样恢复，要么报 size mismatch，要么从另一步、以另外的动量继续，而表面看不出来。",
        wrong_if="该检查点只用作起点，并非要恢复训练",
        causes={
            "other": "两段训练之间改了配置。",
            "renamed": "文件夹被手工复制或改名，或两次训练写进了同一个文件夹。",
            "only-model": "save_only_model=True，或为省空间删掉了优化器文件。",
            "console-config": "此后改过适配器配置（秩、目标模块、modules_to_save）或冻结的层。",
            "console-vocabulary": "只有其中一次训练扩过词表。",
            "console-path": "路径不对，或检查点被 save_total_limit 删除，或从未保存。",
            "console-launch": "启动方式、GPU 数量或分片方式与之前不同。",
        },
        fixes={
            "rank": "改为 lora_r={r}，与检查点一致",
            "modules": "目标模块改成与检查点一致",
            "lora": "设 use_peft=true 继续",
            "full": "设 use_peft=false 继续",
            "choose": "在 resume_from_checkpoint 里写这次训练自己的检查点，或以它的权重重新开始",
            "keep-optimizer": "保存时设 save_only_model=False；没有优化器状态时，用这些权重开一次带预热的新训练",
            "console-same": "以与检查点相同的适配器配置、冻结层与词表恢复；旁边的 adapter_config.json 可查",
            "console-weights": "改为以这些权重重新开始（model_name_or_path），不用优化器状态",
            "console-afresh": "不恢复，从头开始",
            "console-launch": "用保存它时的启动方式、分片方式与进程数恢复",
        },
        about="""查看 resume_from_checkpoint 所指的检查点：适配器的秩与目标模块，或模型的大小，是否与训练配置一致；trainer_state.json
里的步数是否与文件夹名一致；优化器状态是否存在。训练自己的检查点也比较步数。

PyTorch 自己的报错是 "size mismatch for ...lora_A.default.weight"，或
"loaded state dict contains a parameter group that doesn't match the size of optimizer's group"（huggingface/peft#859）。

在控制台里查找 torch、transformers 与 DeepSpeed 在恢复检查点时的报错。

来源：huggingface/peft#859、unslothai/unsloth#3108、modelscope/ms-swift#107。""",
    ),
}
