"""A model as people name it: a folder of weights, a run folder (its last checkpoint is meant), or a name on the Hub."""

from __future__ import annotations

from pathlib import Path

from diagnostics.run import open_run
from diagnostics.run.folder import ADAPTER_FILE
from diagnostics.run.record import RunUnreadable
from training.request import BadRequest


def weights_of(argument: str, name: str) -> str:
    """The folder or Hub name to load weights from: of a run folder the last checkpoint, anything else as it is.

    Raises:
        BadRequest: the name is that of no folder and cannot be one on the Hub, or the folder holds no model.
    """
    folder = Path(name)
    if not folder.exists():
        if folder.is_absolute() or name.startswith(".") or name.count("/") > 1:
            raise BadRequest(
                f"{argument}: {name}: there is no such folder of a model.", f"{argument}：{name}：没有这个模型文件夹。"
            )
        return name
    if (folder / "config.json").exists() or (folder / ADAPTER_FILE).exists():
        return name
    try:
        found = open_run(folder).checkpoints
    except RunUnreadable:
        found = {}
    if not found:
        raise BadRequest(
            f"{argument}: {name}: holds neither a model (config.json) nor a checkpoint of a run.",
            f"{argument}：{name}：里面既没有模型（config.json），也没有训练的检查点。",
        )
    return str(found[max(found)])
