"""The words of the Compare page, English and Chinese: side by side, and what all tabs share."""

from __future__ import annotations

from dashboard.compare import tabs_texts

TEXTS: dict[str, tuple[str, str]] = {
    # Compare
    "compare.checkpoints": ("Checkpoints", "检查点"),
    "compare.checkpoints_help": (
        "Two or more, of any runs; new ones join the list as they land",
        "两个或更多，可来自不同训练；新检查点保存后会自动出现",
    ),
    "compare.prompt": ("Prompt", "提示"),
    "compare.prompt_hint": ("Ask all of them the same", "向所有检查点提同一个问题"),
    "compare.examples": ("Held-out prompts that no run was trained on", "任何训练都没有见过的提示"),
    "compare.go": ("Compare", "对比"),
    "compare.stop": ("Stop", "停止"),
    "compare.sampling": ("System prompt and sampling", "系统提示与采样"),
    "compare.system": ("System prompt", "系统提示"),
    "compare.seed": ("Seed", "随机种子"),
    "compare.temperature": ("Temperature (0: the likeliest token)", "温度（0：取最可能的词元）"),
    "compare.top_p": ("Top-p", "Top-p"),
    "compare.max_new_tokens": ("Longest answer, in tokens", "回答长度上限（词元）"),
    "compare.none": (
        "No checkpoint yet. The first appears here as soon as a run has saved one.",
        "还没有检查点。训练一保存就会出现在这里。",
    ),
    "compare.choose": ("Choose at least one checkpoint.", "请至少选择一个检查点。"),
    "compare.choose_second": (
        "Choose a second checkpoint above, and this says which of them is better.",
        "请在上方再选一个检查点，这里会说明哪个更好。",
    ),
    "compare.unscored": (
        "{names}: no scored answers to the prompts of {base} are kept; the tab “Prompt set” asks and scores them.",
        "{names}：没有保存对 {base} 相同提示的带评分回答；可在“提示集”标签页中提问并评分。",
    ),
    "compare.ask": ("Write a prompt first.", "请先输入提示。"),
    "compare.gone": ("{name}: this checkpoint is not there any more.", "{name}：这个检查点已经不在了。"),
    "compare.waiting": ("waiting for a free model worker", "等待空闲的模型进程"),
    "compare.loading": ("loading the model", "正在载入模型"),
    "compare.tokens": ("{tokens} tokens", "{tokens} 个词元"),
    "compare.speed": ("{speed:.0f} tokens/s", "{speed:.0f} 词元/秒"),
    "compare.first": ("first after {first:.2f} s", "首个词元 {first:.2f} 秒"),
    "compare.stop_end": ("ended by itself", "自行结束"),
    "compare.stop_length": ("cut off at the token budget", "到达长度上限被截断"),
    "compare.stop_cancelled": ("stopped by you", "被您停止"),
    "compare.repeated": ("{share:.0f} % repeated", "重复 {share:.0f}%"),
    "compare.no_template": ("no chat template: sent as plain text", "没有对话模板：按纯文本发送"),
    "compare.empty_answer": ("(an empty answer)", "（空回答）"),
    "compare.scores": ("Held-out score by checkpoint", "各检查点的留出集得分"),
    "compare.scores_help": (
        "Mean {reward} of {count} held-out prompts, answered greedily; bars are 95 % intervals over prompts. They say "
        "nothing of other training seeds.",
        "{count} 个留出提示上 {reward} 的平均值（贪心解码）；线段为对提示取样的 95% 区间，不反映其他训练种子。",
    ),
    "compare.no_scores": ("No run has kept scored answers yet.", "还没有训练保存带评分的回答。"),
    "compare.reward": ("Score", "评分"),
    "compare.verdict_better": (
        "{right} scores {difference:+.3f} [{low:+.3f}, {high:+.3f}] against {left} on the same {count} prompts: better.",
        "在相同的 {count} 个提示上，{right} 比 {left} 高 {difference:+.3f} [{low:+.3f}, {high:+.3f}]：更好。",
    ),
    "compare.verdict_worse": (
        "{right} scores {difference:+.3f} [{low:+.3f}, {high:+.3f}] against {left} on the same {count} prompts: worse.",
        "在相同的 {count} 个提示上，{right} 比 {left} 相差 {difference:+.3f} [{low:+.3f}, {high:+.3f}]：更差。",
    ),
    "compare.verdict_open": (
        "{right} scores {difference:+.3f} [{low:+.3f}, {high:+.3f}] against {left} on the same {count} prompts: the "
        "interval holds 0, so neither is shown to be better.",
        "在相同的 {count} 个提示上，{right} 与 {left} 相差 {difference:+.3f} [{low:+.3f}, {high:+.3f}]：区间包含 0，看不出"
        "哪个更好。",
    ),
    # Compare: the tabs and what they share
    "compare.tab_side": ("Side by side", "并排对比"),
    "compare.tab_set": ("Prompt set", "提示集"),
    "compare.tab_time": ("Timeline", "时间线"),
    "compare.tab_bisect": ("Bisect", "二分定位"),
    "compare.tab_vote": ("Blind vote", "盲评"),
    "compare.base": ("Measured against", "基准"),
    "compare.base_badge": ("base", "基准"),
    "compare.add": ("Add a model", "添加模型"),
    "compare.add_spec": (
        "A folder, ADAPTER@BASE, hub:org/name, or http://host:port/v1#model",
        "模型文件夹、适配器@基座、hub:组织/名称，或 http://主机:端口/v1#模型名",
    ),
    "compare.add_go": ("Add", "添加"),
    "compare.added": ("{name} is on the list.", "已加入列表：{name}。"),
    "compare.keep_talking": (
        "Conversation: each pane goes on from its own answers",
        "多轮对话：各窗格接着自己的回答继续",
    ),
    "compare.new_talk": ("New conversation", "新对话"),
    "compare.grid": ("Sampling grid: every temperature with every seed", "采样网格：每个温度搭配每个种子"),
    "compare.grid_temperatures": ("Temperatures", "温度"),
    "compare.grid_seeds": ("Seeds", "种子"),
    "compare.grid_go": ("Draw the grid", "生成网格"),
    "compare.grid_unreadable": (
        "The grid cannot be drawn: {reason}. Expected numbers such as 0, 0.7, 1.",
        "无法生成网格：{reason}。请填写数字，例如 0, 0.7, 1。",
    ),
    "compare.grid_empty": (
        "The grid needs at least one temperature and one seed.",
        "网格至少需要一个温度和一个种子。",
    ),
    "compare.grid_large": (
        "The grid has {count} answers; {most} at most are drawn here. Take the prompt set for more.",
        "网格共有 {count} 个回答，此处最多 {most} 个；更多请用提示集。",
    ),
    "compare.grid_cell": ("temperature {t:g}, seed {s}", "温度 {t:g}，种子 {s}"),
    "compare.grid_greedy": ("temperature 0", "温度 0"),
    "compare.grid_kinds": ("{kinds} different of {count}", "{count} 个中有 {kinds} 种不同"),
    # Compare: what changed
    "diff.title": ("What changed", "改动"),
    "diff.legend": (
        "Against {base}: struck out is what only {base} says, underlined what only this one does.",
        "以 {base} 为基准：删除线为仅 {base} 有的内容，下划线为仅此回答有的内容。",
    ),
    "diff.same": ("the same, word for word", "逐字相同"),
    "diff.kept": ("{share:.0f} % in common", "{share:.0f}% 相同"),
    "diff.no_base": (
        "What changed is shown here once the base has answered.",
        "基准回答完成后，这里显示改动。",
    ),
    "diff.alone": ("Only one answer: nothing to compare it with.", "只有一个回答，无从比较。"),
    # Compare: heat map
    "heat.title": ("Token by token: how likely another model finds an answer", "逐词元：另一个模型认为回答有多可能"),
    "heat.answer": ("The answer of", "谁的回答"),
    "heat.judge": ("under the model of", "由谁打分"),
    "heat.go": ("Show", "显示"),
    "heat.ask_first": (
        "Ask something first; then any answer can be looked at here.",
        "请先提问，之后可在此查看任一回答。",
    ),
    "heat.none": ("The answer has no tokens.", "回答没有词元。"),
    "heat.of": (
        "The answer of {answered}, each token shaded by its probability under {judge}.",
        "{answered} 的回答，颜色越深表示 {judge} 认为该词元越不可能。",
    ),
    "heat.token": ("{logprob:.2f} nats = {share:.3g} %, rank {rank}", "{logprob:.2f} nat = {share:.3g}%，排名 {rank}"),
    "heat.second": ("not its first choice", "非首选词元"),
    "heat.summary": (
        "mean {mean:.3f} nats a token · perplexity {perplexity:.3g} · its first choice at {first} of {count} tokens",
        "平均每词元 {mean:.3f} nat · 困惑度 {perplexity:.3g} · {count} 个词元中 {first} 个为首选",
    ),
    # Compare: scores of the answers side by side
    "scores.title": ("Score these answers", "给这些回答评分"),
    "scores.by": (
        "Reward function (file.py:function or module:function) or judge (URL#model)",
        "奖励函数（file.py:函数 或 模块:函数）或评审模型（URL#模型名）",
    ),
    "scores.reference": ("Reference answer, if there is one", "参考答案（如有）"),
    "scores.go": ("Score", "评分"),
    "scores.none": ("Name a reward function, a judge or a reference answer.", "请填写奖励函数、评审模型或参考答案。"),
    # Compare: proof of identity
    "identity.title": ("Proof: which weights answered", "证明：是哪些权重在回答"),
    "identity.help": (
        "Files and their hashes, the change of the weights against the base, a logit probe, template and stop tokens. "
        "Opens each model once.",
        "文件及其哈希、权重相对基准的变化、logit 探测、对话模板与停止词元。每个模型会打开一次。",
    ),
    "identity.go": ("Look", "查看"),
    "identity.twins": (
        "{names}: these panes answer from the very same weights. What differs between them is not training's.",
        "{names}：这些窗格使用完全相同的权重，它们之间的差别不来自训练。",
    ),
    "identity.path": ("from", "来源"),
    "identity.adapter_base": ("adapter over", "适配器基座"),
    "identity.weights": ("weights", "权重哈希"),
    "identity.change": ("changed", "权重变化"),
    "identity.change_told": (
        "{relative:.2g} % of the base's norm, in {changed} of {compared} tensors",
        "相当于基准范数的 {relative:.2g}%，{compared} 个张量中有 {changed} 个不同",
    ),
    "identity.change_most": ("; most in {tensor} ({share:.2g} %)", "；变化最大：{tensor}（{share:.2g}%）"),
    "identity.probe": ("logit probe", "logit 探测"),
    "identity.probe_told": ("differs from the base's by up to {difference:.3g}", "与基准最多相差 {difference:.3g}"),
    "identity.matched": ("adapter", "适配器"),
    "identity.matched_told": (
        "{matched} tensors in use, {missing} missing, {extra} unknown to the model",
        "{matched} 个张量生效，{missing} 个缺失，{extra} 个模型不认识",
    ),
    "identity.stops": ("ends at", "停止词元"),
    "identity.size": ("parameters", "参数量"),
    "identity.files": ("{count} files and their SHA-256", "{count} 个文件及其 SHA-256"),
    "identity.template_text": ("Chat template {hash}", "对话模板 {hash}"),
    **tabs_texts.TEXTS,
}
