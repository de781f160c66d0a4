"""Whether a run can go on from a checkpoint: it is whole, and was made with the model and the LoRA that are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json
from diagnostics.run.folder import ADAPTER_FILE, STATE_FILE
from diagnostics.run.refusal import Sentence
from training.request import BadRequest
from training.worker.kinds import as_bool

ADAPTER_WEIGHTS = ("adapter_model.safetensors",)
# Of one process; several files with an index; FSDP's and DeepSpeed's shards (folders).
FULL_WEIGHTS = (
    "model.safetensors", "model-*.safetensors", "pytorch_model_fsdp*", "global_step*",
)  # fmt: skip
SHAPE = ("hidden_size", "num_hidden_layers", "vocab_size")
LORA_RANK = 16  # TRL's default of lora_r (trl.ModelConfig, 1.16)


def is_whole(checkpoint: Path) -> bool:
    """Whether a folder holds a checkpoint to its end: the Trainer writes its state last, after the weights."""
    return why_not_whole(checkpoint) is None


def why_not_whole(checkpoint: Path) -> Sentence | None:
    """What a checkpoint lacks; None if nothing."""
    if not checkpoint.is_dir():
        return Sentence("there is no such folder", "没有这个文件夹")
    if lacking := why_no_state(checkpoint):
        return lacking
    if not any(next(checkpoint.glob(one), None) for one in (*FULL_WEIGHTS, *ADAPTER_WEIGHTS)):
        return Sentence("no weights in safetensors", "没有 safetensors 格式的权重")
    return None


def why_no_state(checkpoint: Path) -> Sentence | None:
    """What is wrong with the Trainer's state in a checkpoint, the last file that is written; None if nothing."""
    try:
        state = read_json(checkpoint / STATE_FILE)
    except OSError:
        return Sentence(
            f"no {STATE_FILE}, without which no step to go on from is known",
            f"没有 {STATE_FILE}，因此不知道从哪一步继续",
        )
    except ValueError:
        return Sentence(f"a {STATE_FILE} that breaks off", f"{STATE_FILE} 被截断")
    if not isinstance(state, dict) or not isinstance(state.get("global_step"), int):
        return Sentence(f"a {STATE_FILE} that names no global_step", f"{STATE_FILE} 没有写明 global_step")
    return None


def check_checkpoint(chosen: Any, config: Mapping[str, Any]) -> None:
    """Compare a checkpoint with what a config asks for.

    Raises:
        BadRequest: the checkpoint is not whole, or holds another model, or another LoRA, or a full model instead of
            one.
    """
    if not isinstance(chosen, str):
        raise BadRequest(
            f"resume_from_checkpoint: {chosen!r}: the folder of a checkpoint was expected; "
            "to go on in a run's own folder use `python -m training resume RUN`.",
            f"resume_from_checkpoint：{chosen!r}：应为检查点的文件夹；要在训练自己的文件夹中继续，请用 `python -m training resume RUN`。",
        )
    checkpoint = Path(chosen)
    missing = why_not_whole(checkpoint)
    if missing:
        found, found_zh = missing if missing.startswith("there") else f"holds {missing}", missing.chinese
        raise BadRequest(
            f"resume from {checkpoint}: {found}; expected a checkpoint of the HF Trainer.",
            f"从 {checkpoint} 继续训练：{found_zh}；应为 HF Trainer 的检查点。",
        )
    adapter = (checkpoint / ADAPTER_FILE).is_file()
    lora = as_bool(config.get("use_peft")) is True
    if adapter and not lora:
        raise BadRequest(
            f"resume without LoRA: {checkpoint} holds a LoRA adapter; set use_peft=true.",
            f"不带 LoRA 继续训练：{checkpoint} 里是 LoRA 适配器；请设 use_peft=true。",
        )
    if lora and not adapter:
        raise BadRequest(
            f"resume with LoRA: {checkpoint} holds a full model; set use_peft=false, or start anew from it.",
            f"带 LoRA 继续训练：{checkpoint} 里是完整的模型；请设 use_peft=false，或以它为起点重新训练。",
        )
    if adapter:
        check_adapter(checkpoint, config)
    else:
        check_shape(checkpoint, config)


def check_steps_left(checkpoint: Path, planned: int | None = None) -> None:
    """Look whether any step is left after a checkpoint: the Trainer would take one more than it was asked for.

    `planned`: the steps of the run; by default those that the checkpoint's own state names.

    Raises:
        BadRequest: it holds the last step, or a later one.
    """
    state = read_json(checkpoint / STATE_FILE)
    planned = state.get("max_steps") if planned is None else planned
    if isinstance(planned, int) and 0 < planned <= state["global_step"]:
        raise BadRequest(
            f"resume from {checkpoint}: all {planned} steps are taken; to train on, start a new run from it "
            "(model_name_or_path), or name an earlier checkpoint.",
            f"从 {checkpoint} 继续训练：{planned} 步都已走完；要再训练，请以它为起点（model_name_or_path）开始新的训练，或指定更早的检查点。",
        )


def check_adapter(checkpoint: Path, config: Mapping[str, Any]) -> None:
    """Compare the adapter of a checkpoint with the LoRA that is asked for.

    Raises:
        BadRequest: they differ in rank, modules or base model; or the adapter's config cannot be read.
    """
    try:
        saved = dict(read_json(checkpoint / ADAPTER_FILE))
    except (OSError, ValueError, TypeError) as error:
        raise BadRequest(
            f"resume from {checkpoint}: {ADAPTER_FILE} cannot be read ({error}).",
            f"从 {checkpoint} 继续训练：{ADAPTER_FILE} 无法读取（{error}）。",
        ) from error
    rank = config.get("lora_r", LORA_RANK)
    if saved.get("r") != rank:
        raise BadRequest(
            f"resume with another LoRA rank: checkpoint has r={saved.get('r')}, asked r={rank}.",
            f"以另一个 LoRA 秩继续训练：检查点是 r={saved.get('r')}，要求的是 r={rank}。",
        )
    asked, had = modules(config.get("lora_target_modules")), modules(saved.get("target_modules"))
    if asked and had and "all-linear" not in asked and asked != had:
        raise BadRequest(
            f"resume with other LoRA modules: checkpoint has {', '.join(sorted(had))}, asked {', '.join(sorted(asked))}.",
            f"以另一组 LoRA 模块继续训练：检查点是 {'、'.join(sorted(had))}，要求的是 {'、'.join(sorted(asked))}。",
        )
    base, model = saved.get("base_model_name_or_path"), config.get("model_name_or_path")
    if base and model and not same_model(str(base), str(model)):
        raise BadRequest(
            f"resume with another base model: checkpoint has {base}, asked {model}.",
            f"以另一个基础模型继续训练：检查点是 {base}，要求的是 {model}。",
        )


def modules(value: Any) -> set[str]:
    """The names of LoRA's modules, given as one name or as several."""
    return {value} if isinstance(value, str) else set(value or ())


def same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model: the same text, or two paths to one folder."""
    return one == other or (Path(one).exists() and Path(one).resolve() == Path(other).resolve())


def check_shape(checkpoint: Path, config: Mapping[str, Any]) -> None:
    """Compare the size of a full model with that of the model asked for, where both can be read.

    Raises:
        BadRequest: they differ.
    """
    try:
        saved = read_json(checkpoint / "config.json")
        asked = read_json(Path(str(config.get("model_name_or_path"))) / "config.json")
    except (OSError, ValueError):
        return  # a Hub name: the Trainer refuses weights that do not fit
    if not isinstance(saved, dict) or not isinstance(asked, dict):
        return
    for name in SHAPE:
        # The embedding may have been made larger for new tokens, so that only a larger vocabulary asked for is a fault.
        fits = saved.get(name) == asked.get(name) or (name == "vocab_size" and saved[name] > asked[name])
        if name in saved and name in asked and not fits:
            raise BadRequest(
                f"resume with another model: checkpoint has {name}={saved[name]}, asked {name}={asked[name]}.",
                f"以另一个模型继续训练：检查点是 {name}={saved[name]}，要求的是 {name}={asked[name]}。",
            )
