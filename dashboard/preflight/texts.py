"""The words of the Pre-flight page, English and Chinese; those of its report stand with the report."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "pre.intro": (
        "Most failed runs were lost before the first step. Drop the data, choose the method and the model: a minute later "
        "you see what training would see, and what is wrong with it. No weights are loaded.",
        "多数失败的训练在第一步之前就已注定。放入数据，选择方法和模型：一分钟内就能看到训练会看到什么，以及哪里不对。"
        "不会载入模型权重。",
    ),
    "pre.method": ("Method", "方法"),
    "pre.model": ("Model: its tokenizer and chat template are used", "模型：使用它的分词器和对话模板"),
    "pre.run": ("Or take all from a run", "或直接取自一次训练"),
    "pre.run_none": ("(no run)", "（不取）"),
    "pre.file": (
        "Data: drop a file here (JSON Lines, JSON, CSV, Parquet)",
        "数据：把文件拖到这里（JSON Lines、JSON、CSV、Parquet）",
    ),
    "pre.path": ("Or a path or Hub name on this machine", "或本机路径、Hub 名称"),
    "pre.more": ("Reward functions, script, config", "奖励函数、脚本、配置"),
    "pre.rewards": (
        "Reward functions (file.py:function, several between commas); they are called on samples of the data",
        "奖励函数（file.py:函数，多个用逗号隔开）；会在数据样本上试运行",
    ),
    "pre.reward_file": ("Or a file of reward functions", "或奖励函数文件"),
    "pre.script": ("A training script: it is read, never run", "训练脚本：只读取，不运行"),
    "pre.config": ("A config (YAML or JSON)", "配置文件（YAML 或 JSON）"),
    "pre.settings": (
        "TRL's arguments over it, one key=value a line",
        "在其之上的 TRL 参数，每行一个 key=value",
    ),
    "pre.go": ("Look", "检查"),
    "pre.stop": ("Stop", "停止"),
    "pre.stopped": ("Stopped; nothing was changed.", "已停止，没有改动任何东西。"),
    "pre.nothing": (
        "Drop a data file or name one, or give a script.",
        "请放入或填写数据文件，或者给出脚本。",
    ),
    "pre.no_method": ("Choose the method.", "请选择方法。"),
    "pre.no_functions": ("{file}: holds no function that could be a reward.", "{file}：没有可用作奖励的函数。"),
    "pre.no_settings": ("{line}: expected key=value.", "{line}：应为 key=value。"),
    "pre.starting": ("starting (TRL is being imported)", "启动中（正在导入 TRL）"),
    "pre.data": ("reading the rows", "读取数据行"),
    "pre.prepared": ("TRL's own preparation", "TRL 自己的预处理"),
    "pre.rewards_tried": ("trying the reward functions", "试运行奖励函数"),
    "pre.script_read": ("reading the script", "读取脚本"),
    "pre.other": ("working", "处理中"),
    "pre.seconds": ("{seconds:.0f} s", "{seconds:.0f} 秒"),
    "pre.convert": ("Data in the method's shape", "符合该方法格式的数据"),
    "pre.script_file": ("Script for this TRL", "适配当前 TRL 的脚本"),
    "pre.config_file": ("Config with the fixes", "应用修复后的配置"),
    "pre.download": ("Download", "下载"),
    "pre.converting": ("Writing the converted data …", "正在写入转换后的数据……"),
}
