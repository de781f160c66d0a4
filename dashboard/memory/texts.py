"""The words of the Memory page, English and Chinese; those of its report stand with the report."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "nav.memory": ("Memory", "显存"),
    "mem.intro": (
        "Will it fit? Choose a run, drop a config, or name a method, a model and a device. The number moves with the "
        "sliders; let go, and the real trainer is run on tensors without data. No weights are loaded.",
        "放得下吗？选择一次训练、放入配置，或指定方法、模型和设备。数字随滑块变化；松开后，真实的训练器会在无数据张量上运行。"
        "不会载入模型权重。",
    ),
    "mem.run": ("A run: crashed ones first", "训练：崩溃的在前"),
    "mem.no_run": ("(no run)", "（不取）"),
    "mem.died": ("✕ {name}: out of memory", "✕ {name}：内存或显存耗尽"),
    "mem.file": ("Or a config (YAML or JSON)", "或配置文件（YAML 或 JSON）"),
    "mem.method": ("Method", "方法"),
    "mem.model": ("Model: a known name, a Hub name or a folder", "模型：已知名称、Hub 名称或文件夹"),
    "mem.device": ("Device", "设备"),
    "mem.gib": ("Or its GiB", "或 GiB 数"),
    "mem.batch": ("Rows at once, a device", "每设备每次行数"),
    "mem.length": ("Tokens a row, at most", "每行最多词元"),
    "mem.length_online": ("Tokens an answer, at most", "每个回答最多词元"),
    "mem.rank": ("LoRA rank (0: all weights are trained)", "LoRA 秩（0：训练全部权重）"),
    "mem.accumulation": ("Passes before a step (accumulation)", "每步累积次数"),
    "mem.processes": ("Devices that train together", "一起训练的设备数"),
    "mem.more": ("Precision, optimizer, checkpointing, more", "精度、优化器、梯度检查点等"),
    "mem.longest": ("Longest row of the data, tokens (0: not known)", "数据中最长的行，词元（0：未知）"),
    "mem.longest_online": ("Longest prompt of the data, tokens (0: not known)", "数据中最长的提示，词元（0：未知）"),
    "mem.dtype": ("Weights are loaded in", "权重载入的数据类型"),
    "mem.optim": ("Optimizer", "优化器"),
    "mem.four_bit": ("Weights of 4 bits (QLoRA)", "4 位权重（QLoRA）"),
    "mem.checkpointing": ("Gradient checkpointing", "梯度检查点"),
    "mem.settings": ("All other arguments of TRL, one key=value a line", "TRL 的其他参数，每行一个 key=value"),
    "mem.field": (" “{name}”", "“{name}”一栏"),
    "mem.go": ("Trace", "追踪"),
    "mem.fit": ("Fit", "适配"),
    "mem.stop": ("Stop", "停止"),
    "mem.stopped": ("Stopped.", "已停止。"),
    "mem.twice": (
        "{name}: has a field of its own on this page; leave it out of the other arguments.",
        "{name}：页面上已有对应的字段，请从其他参数中去掉。",
    ),
    "mem.no_method": ("Choose the method.", "请选择方法。"),
    "mem.no_model": ("Choose or name a model.", "请选择或填写模型。"),
    "mem.no_device": (
        "{name}: no device of this name is known here; choose one of the list, or give its memory in GiB.",
        "{name}：这里不认识这个设备；请从列表选择，或填写显存的 GiB 数。",
    ),
    "mem.no_size": ("{gib} GiB: a size above 0 was expected.", "{gib} GiB：应大于 0。"),
    "mem.no_device_to_fit": (
        "Name the device that it is to fit, or its memory in GiB.",
        "请指定要放进的设备，或其显存的 GiB 数。",
    ),
    "mem.no_way": (
        "There is no such way any more; press Fit again.",
        "这个方案已不在；请重新点“适配”。",
    ),
    "mem.no_config": ("{name}: this run kept no config.", "{name}：这次训练没有保存配置。"),
    "mem.quick": ("quick estimate, ±{error:.0%}", "快速估计，±{error:.0%}"),
    "mem.scaled": (
        "scaled ×{ratio:.2f}, as the trace at {batch} rows of {length} tokens has it to the closed form",
        "按 {batch} 行、{length} 词元处追踪与闭式公式之比缩放 ×{ratio:.2f}",
    ),
    "mem.no_timeline": ("The timeline comes with the trace of the whole model.", "时间线在追踪整个模型后显示。"),
    "mem.timeline_alone": (
        "There is a timeline for one device alone; what several share is taken out of its peaks.",
        "时间线只用于单个设备；多个设备分摊的部分已从峰值中扣除。",
    ),
    "mem.starting": ("starting", "启动中"),
    "mem.loading": (
        "loading torch, transformers and TRL, once: about ten seconds",
        "正在载入 torch、transformers 和 TRL（仅一次，约十秒）",
    ),
    "mem.waiting": ("waiting for another estimate", "等待另一个估计完成"),
    "mem.layers": ("tracing {some} of {all} layers", "正在追踪 {all} 层中的 {some} 层"),
    "mem.whole": ("tracing the whole model", "正在追踪整个模型"),
    "mem.tracing": ("tracing", "追踪中"),
    "mem.searching": ("searching: {done} of at most {most} estimates made", "搜索中：已估计 {done} 次，最多 {most} 次"),
    "mem.take": ("Take way {number}", "采用方案 {number}"),
    "mem.download": ("The config with the changes", "应用更改后的配置"),
    "mem.taken": ("The config is below. It is trained by", "配置文件在下方。训练命令："),
    "mem.taken_child": (
        "Written: {path}, for a child of {run}; the run itself stays as it is. It is trained by",
        "已写入：{path}，作为 {run} 的子训练；原训练保持不变。训练命令：",
    ),
    "diagnose.memory": (
        "See this run's memory, and what would fit",
        "查看这次训练的显存，以及怎样才放得下",
    ),
}
