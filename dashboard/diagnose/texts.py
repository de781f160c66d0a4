"""The words of the Diagnose page, English and Chinese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # Diagnose
    "diagnose.run": ("Run", "训练"),
    "diagnose.none": ("No run to diagnose yet.", "还没有可诊断的训练。"),
    "diagnose.gone": (
        "{name}: there is no such run here. It was renamed or removed, or the link is mistyped; choose a run above.",
        "{name}：这里没有这个训练。它可能已改名或被删除，也可能是链接有误；请在上方选择训练。",
    ),
    "diagnose.not_there": ("{name} (not there)", "{name}（不存在）"),
    "diagnose.command": ("A child run with this change", "带此修改的子训练"),
    "diagnose.show_change": ("Show the change: {title}", "查看修改：{title}"),
    "diagnose.write": ("Write this config for a child run", "写出子训练的配置"),
    "diagnose.will_write": (
        "This will be written to {path}; the run itself stays as it is.",
        "将写入 {path}；原训练保持不变。",
    ),
    "diagnose.written": ("Written: {path}. It is trained by", "已写入：{path}。训练命令："),
    "diagnose.train_here": ("Or start it on the Train page", "或在“开始训练”页启动"),
    "diagnose.unwritten": ("{path}: cannot be written ({reason}).", "{path}：无法写入（{reason}）。"),
    "diagnose.onset": ("step {step}", "第 {step} 步"),
    "diagnose.preflight": (
        "Look at this run's data, template and rewards before it starts again",
        "在重新开始之前检查这次训练的数据、模板和奖励",
    ),
}
