"""The dashboard's words, English and Chinese. The words of findings stand with their rules."""

from __future__ import annotations

from typing import Literal

from dashboard import course_texts, memory_texts, preflight_texts, runs_texts, train_texts
from dashboard.sharing import texts as sharing_texts

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("TRL Clinic", "TRL 诊所"),
    "tagline": ("Did it get better? Why did it fail?", "变好了吗？为什么失败？"),
    "nav.runs": ("Runs", "训练"),
    "nav.compare": ("Compare", "对比"),
    "nav.diagnose": ("Diagnose", "诊断"),
    "nav.learn": ("Learn", "课程"),
    "nav.train": ("Train", "开始训练"),
    "nav.preflight": ("Pre-flight", "训练前检查"),
    "nav.other": ("中文", "English"),
    "nav.theme": ("Light or dark", "浅色或深色"),
    # Runs
    "runs.start_demo": ("Start the demo", "开始演示"),
    "runs.resume_demo": ("Continue the demo", "继续演示"),
    "runs.stage_from": ("from {stages}", "承接 {stages}"),
    "runs.demo": (
        "Demo: a customer-service assistant, from random weights through every method",
        "演示：客服助手，从随机权重到每一种训练方法",
    ),
    "runs.demo_broken": ("The demo ended early: {reason}", "演示提前结束：{reason}"),
    "axis.step": ("step", "步"),
    # States
    "state.waiting": ("waiting", "等待中"),
    "state.starting": ("starting", "启动中"),
    "state.running": ("running", "训练中"),
    "state.finished": ("finished", "已完成"),
    "state.failed": ("failed", "失败"),
    "state.stopped": ("stopped", "已停止"),
    "state.unknown": ("not known", "状态未知"),
    "activity.answering": ("answering held-out prompts", "正在回答留出提示"),
    "activity.loading": ("loading", "加载中"),
    "activity.preflight": ("pre-flight", "训练前检查"),
    "activity.queued": ("queued", "排队中"),
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
    # Compare: timeline
    "time.run": ("Run", "训练"),
    "time.curve": ("Curve: a click goes to the nearest step", "曲线：点击可跳到最近的一步"),
    "time.none": ("No step to show yet", "还没有可显示的步"),
    "time.nothing": (
        "No run has kept answers or saved a checkpoint yet.",
        "还没有训练保存回答或检查点。",
    ),
    "time.slider": ("Step {step} ({place} of {count})", "第 {step} 步（{place} / {count}）"),
    "time.step": ("step {step}", "第 {step} 步"),
    "time.stops": ("steps to look at", "可查看的步"),
    "time.own": ("A prompt of your own, through all checkpoints", "自拟提示，让所有检查点回答"),
    "time.own_hint": ("Answered live by every checkpoint of the run", "由该训练的每个检查点现场回答"),
    "time.go": ("Ask all", "全部提问"),
    "time.no_checkpoints": ("This run has no checkpoint that could answer.", "该训练没有可以回答的检查点。"),
    "time.kept_title": ("What the run answered as it was trained", "训练过程中保存的回答"),
    "time.kept": ("{count} answers kept at step {step}.", "第 {step} 步保存了 {count} 个回答。"),
    "time.none_kept": (
        "No answers were kept at step {step}; ask a prompt of your own.",
        "第 {step} 步没有保存回答；可自拟提示现场提问。",
    ),
    "time.changed": ("{changed} differ from those of step {earlier}.", "其中 {changed} 个与第 {earlier} 步不同。"),
    "time.unchanged": ("unchanged", "未变"),
    "time.diff": ("Show what changed since the step before", "显示与上一步相比的改动"),
    "time.page": ("Page", "页"),
    # Compare: bisect
    "bisect.help": (
        "Give a prompt and a check. The first checkpoint of the run whose answer fails it is found by halving: for 64 "
        "checkpoints about 8 looks.",
        "给出一个提示和一项检查，用二分法找出第一个不通过检查的检查点：64 个检查点约需查看 8 次。",
    ),
    "bisect.kind": ("Check", "检查方式"),
    "bisect.kind_matches": ("must match an expression", "必须匹配正则表达式"),
    "bisect.kind_lacks": ("must not match an expression", "不得匹配正则表达式"),
    "bisect.kind_reward": ("reward not below a number", "奖励不低于某个值"),
    "bisect.kind_judge": ("a judge's question", "由评审模型回答"),
    "bisect.kind_eye": ("your own eye", "自己判断"),
    "bisect.what_matches": ("Regular expression", "正则表达式"),
    "bisect.what_lacks": ("Regular expression", "正则表达式"),
    "bisect.what_reward": ("FILE.py:FUNCTION < NUMBER", "文件.py:函数 < 数值"),
    "bisect.what_judge": ("Question; no means broken", "问题（回答“否”视为损坏）"),
    "bisect.judge": ("Judge", "评审模型"),
    "bisect.go": ("Search", "开始查找"),
    "bisect.say_fine": ("This answer is fine", "这个回答正常"),
    "bisect.say_bad": ("This answer is broken", "这个回答有问题"),
    "bisect.say_untold": ("Cannot tell", "无法判断"),
    "bisect.by_eye": ("said by you", "由您判断"),
    "bisect.bad": ("broken", "有问题"),
    "bisect.fine": ("fine", "正常"),
    "bisect.untold": ("could not be told", "无法判断"),
    "bisect.too_few": (
        "Choose a run with two checkpoints or more.",
        "请选择至少有两个检查点的训练。",
    ),
    "bisect.progress": (
        "{looks} looks taken; {left} checkpoints between the last fine and the first broken one are not looked at.",
        "已查看 {looks} 次；最后一个正常与第一个有问题的检查点之间还有 {left} 个未查看。",
    ),
    "bisect.found": (
        "{run} broke between {fine} and {broken}: {broken} is the first checkpoint that fails.",
        "{run} 在 {fine} 与 {broken} 之间出了问题：{broken} 是第一个不通过的检查点。",
    ),
    "bisect.broken_from_start": (
        "The first checkpoint that could be told, {broken}, fails already: look before this run, at what it started from.",
        "第一个可判断的检查点（{broken}）就已不通过：请查看此训练之前的起点模型。",
    ),
    "bisect.not_broken": (
        "Not broken: the last checkpoint that could be told, {fine}, passes the check.",
        "没有问题：最后一个可判断的检查点（{fine}）通过检查。",
    ),
    "bisect.nothing_told": (
        "No checkpoint could be told; the looks below say why.",
        "没有一个检查点可以判断，原因见下。",
    ),
    "bisect.between": (
        "Nothing could be told of {steps}: the first broken one may be among them.",
        "{steps} 无法判断：第一个有问题的可能在其中。",
    ),
    "bisect.odd": (
        "What {steps} answered contradicts this: the answers go back and forth, and this is one of several places where they "
        "turn.",
        "{steps} 与此矛盾：回答时好时坏，这里只是其中一个转折处。",
    ),
    "bisect.around": (
        "What the run logged after step {after}, up to step {until}",
        "第 {after} 步之后到第 {until} 步的训练记录",
    ),
    "bisect.no_findings": ("No finding lies there.", "该区间没有诊断结果。"),
    "bisect.no_moves": (
        "No curve left its usual range there, or too little was logged before it to say.",
        "该区间没有曲线偏离常态，或之前的记录太少，无法判断。",
    ),
    "bisect.moved": (
        "{tag}: {value:.4g} at step {step}, {score:.1f} times its noise off its level of {level:.4g} before.",
        "{tag}：第 {step} 步为 {value:.4g}，偏离之前的水平 {level:.4g} 达噪声的 {score:.1f} 倍。",
    ),
    # Compare: blind vote
    "vote.prompts": ("Held-out prompts of", "留出提示来自"),
    "vote.own": ("or a prompt of your own", "或自拟提示"),
    "vote.own_hint": ("Left empty, the next of the set is asked", "留空则取下一个留出提示"),
    "vote.by": ("Your name, if several people vote", "您的名字（多人投票时填写）"),
    "vote.go": ("Next ballot", "下一题"),
    "vote.start": (
        "All chosen checkpoints answer the same prompt; the answers are shown shuffled and without names. Choose the best "
        "with its number.",
        "所有选中的检查点回答同一提示，回答打乱顺序、隐去名字。请用数字选出最好的一个。",
    ),
    "vote.answering": ("{done} of {count} have answered…", "{count} 个中已有 {done} 个回答完毕…"),
    "vote.choose": ("{number} is best", "{number} 最好"),
    "vote.tie": ("Tie", "平局"),
    "vote.both_bad": ("All bad", "都不好"),
    "vote.next": ("Skip", "跳过"),
    "vote.keys": (
        "Keys: 1 to {count} choose, 0 or T a tie, B all bad, N skips.",
        "快捷键：1 到 {count} 选择，0 或 T 平局，B 都不好，N 跳过。",
    ),
    "vote.all_same": ("All answers are the same, word for word.", "所有回答逐字相同。"),
    "vote.too_few": (
        "A vote needs at least two answers; choose two or more checkpoints that can answer.",
        "投票至少需要两个回答；请选择两个或更多能回答的检查点。",
    ),
    "vote.no_prompt": (
        "Choose a run with held-out prompts, or write a prompt.",
        "请选择带留出提示的训练，或自拟提示。",
    ),
    "vote.all_asked": ("Every prompt of this set has been asked.", "该提示集的提示已全部问过。"),
    "vote.voted": ("{count} votes cast on this page.", "本页已投 {count} 票。"),
    "vote.unwritten": ("The vote could not be kept: {reason}.", "投票无法保存：{reason}。"),
    "vote.results": (
        "Ratings, agreement, data set for DPO (this tells the names)",
        "评分、一致性与 DPO 数据集（会显示名字）",
    ),
    "vote.none_yet": ("No vote yet.", "还没有投票。"),
    "vote.unreadable": ("{count} damaged lines of the votes were passed over.", "跳过了 {count} 行损坏的投票记录。"),
    "vote.ratings_help": (
        "Bradley-Terry ratings of {votes} votes, with 95 % bootstrap intervals; 400 points are odds of ten to one.",
        "由 {votes} 票得出的 Bradley-Terry 评分及 95% 自助法区间；相差 400 分相当于 10:1 的胜率。",
    ),
    "vote.not_connected": (
        "Some checkpoints were never voted on against each other, even by way of others: their ratings cannot be compared.",
        "有些检查点之间从未直接或间接比较过，它们的评分不可比。",
    ),
    "vote.source": ("checkpoint", "检查点"),
    "vote.rating": ("rating, 95 % interval", "评分及 95% 区间"),
    "vote.number": ("number", "数值"),
    "vote.record": ("won / tied / lost", "胜 / 平 / 负"),
    "vote.voter_person": ("people", "人"),
    "vote.voter_judge": ("the judge", "评审模型"),
    "vote.voter_reward": ("the reward", "奖励函数"),
    "vote.agree": (
        "On {items} pairs that both judged, {first} and {second} agree on {raw:.0f} %.",
        "在双方都评判过的 {items} 对中，{first}与{second}有 {raw:.0f}% 一致。",
    ),
    "vote.no_agreement": (
        "No judge or reward has voted on these answers yet.",
        "还没有评审模型或奖励函数对这些回答投票。",
    ),
    "vote.scorer": (
        "Let a reward function vote too (file.py:function or module:function), or a judge (http://host:port/v1#model)",
        "让奖励函数（file.py:函数 或 模块:函数）或评审模型（http://主机:端口/v1#模型）也投票",
    ),
    "vote.scorer_go": ("Let it vote", "让它投票"),
    "vote.scored": ("{name} voted on {count} ballots.", "{name} 已对 {count} 题投票。"),
    "vote.export": ("Make a preference data set for DPO", "导出 DPO 偏好数据集"),
    "vote.file": ("Preference data set", "偏好数据集"),
    "vote.exported": (
        "{rows} pairs in TRL's conversational format; {left_out} votes or pairs without a preference were left out.",
        "共 {rows} 对，TRL 对话格式；{left_out} 个没有偏好的投票或回答对未导出。",
    ),
    "vote.nothing_to_export": ("No vote prefers one answer yet.", "还没有投票选出更好的回答。"),
    # Compare: prompt set
    "set.run": ("Held-out prompts of", "留出提示来自"),
    "set.path": ("or a file of prompts (JSON Lines, JSON, text)", "或提示文件（JSON Lines、JSON、文本）"),
    "set.upload": ("Upload", "上传"),
    "set.most": ("At most, prompts", "最多提示数"),
    "set.scorers": ("What scores the answers", "用什么评分"),
    "set.rewards": ("Reward functions, file.py:function or module:function", "奖励函数，file.py:函数 或 模块:函数"),
    "set.no_reference": ("none", "无"),
    "set.reference": ("Nearness to the reference", "与参考答案的接近程度"),
    "set.model": ("Reward model, its folder", "奖励模型文件夹"),
    "set.chance": (
        "Also: did training do more than a random change of the same size? Opens each model once more.",
        "同时检查：训练的影响是否超过同等大小的随机改动？每个模型会再载入一次。",
    ),
    "set.measuring": ("random changes: {done} of {of} measured", "随机改动：已测 {done}/{of}"),
    "set.judge": ("Judge, an endpoint", "评审模型接口"),
    "set.judging": (
        "{name}: {done} of {of} questions to the judge answered.",
        "{name}：评审模型已回答 {done} / {of}。",
    ),
    "set.export": ("Take along", "导出"),
    "set.file": ("File", "文件"),
    "set.go": ("Answer and judge", "回答并评判"),
    "set.stop": ("Stop and judge what is there", "停止并评判已有回答"),
    "set.answered": (
        "{done} of {of} answered, {cached} of them known from before.",
        "已回答 {done} / {of}，其中 {cached} 个此前已有。",
    ),
    "set.scored": ("{done} of {of} scored. {now}", "已评分 {done} / {of}。{now}"),
    "set.left_seconds": ("About {left:.0f} s left.", "约剩 {left:.0f} 秒。"),
    "set.left_minutes": ("About {left:.0f} min left.", "约剩 {left:.0f} 分钟。"),
    "set.failed": ("{name}: {count} missing. {reason}", "{name}：缺 {count} 个。{reason}"),
    "set.no_cache": ("The answers cannot be kept: {reason}.", "回答无法保存：{reason}。"),
    "set.no_score": (
        "Nothing has scored the answers, so there is no verdict: name a reward function, a reference, a reward model or a "
        "judge above.",
        "还没有评分，因此没有结论：请在上方填写奖励函数、参考指标、奖励模型或评审模型。",
    ),
    "set.side_effects": ("Side effects of training", "训练的副作用"),
    "set.examples": ("Most in prompts {numbers}.", "最明显的提示：{numbers}。"),
    "set.choose_set": (
        "Choose a run with held-out prompts, or name a file of prompts.",
        "请选择带留出提示的训练，或指定提示文件。",
    ),
    # Compare: verdict
    "verdict.one_source": ("Two checkpoints are needed for a verdict.", "至少需要两个检查点才能得出结论。"),
    "verdict.detectable": (
        "These prompts would have shown a difference of {detectable:.3f}.",
        "这些提示足以显示 {detectable:.3f} 的差别。",
    ),
    "verdict.pair": ("pair", "比较"),
    "verdict.against": ("against", "对"),
    "verdict.difference": ("difference of {score}, 95 % interval", "{score} 之差及 95% 区间"),
    "verdict.number": ("number", "数值"),
    "verdict.wins": ("win · tie · loss", "胜 · 平 · 负"),
    "verdict.win": ("{count} prompts won", "胜 {count} 个提示"),
    "verdict.tie": ("{count} prompts tied", "平 {count} 个提示"),
    "verdict.loss": ("{count} prompts lost", "负 {count} 个提示"),
    "verdict.within_noise": ("within the noise", "在噪声范围内"),
    "verdict.test": ("{test}: p {p}, corrected p {corrected}", "{test}：p {p}，校正后 p {corrected}"),
    "verdict.noise": (
        "Noise floor: with other seeds alone, {source} differs from itself by {difference:+.3f} ({prompts} prompts, "
        "{seeds} seeds a side).",
        "噪声水平：仅更换种子，{source} 与自身就相差 {difference:+.3f}（{prompts} 个提示，每侧 {seeds} 个种子）。",
    ),
    "verdict.no_noise": (
        "No noise floor: it takes two seeds or more, and a temperature above 0.",
        "没有噪声水平：需要至少两个种子，且温度大于 0。",
    ),
    "verdict.mean": ("mean {score}", "{score} 平均值"),
    "verdict.prompts": ("prompts", "提示数"),
    "verdict.missing": ("missing", "缺失"),
    "verdict.spread": ("spread over seeds", "种子间标准差"),
    "verdict.slices": ("By part of the set ({count})", "按子集查看（{count}）"),
    # Compare: the answers of a prompt set
    "answers.filter": ("Answers", "回答"),
    "answers.all": ("all", "全部"),
    "answers.different": ("different only", "仅不同"),
    "answers.worse": ("worse than the base only", "仅差于基准"),
    "answers.better": ("better than the base only", "仅优于基准"),
    "answers.none": ("No answer passes this filter.", "没有符合筛选条件的回答。"),
    "answers.count": ("{count} prompts; open one to see its answers.", "共 {count} 个提示；点开查看回答。"),
    "answers.reference": ("Reference: {text}", "参考答案：{text}"),
    # Diagnose
    "diagnose.run": ("Run", "训练"),
    "diagnose.none": ("No run to diagnose yet.", "还没有可诊断的训练。"),
    "diagnose.gone": ("{name}: there is no such run.", "{name}：没有这个训练。"),
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
    **preflight_texts.TEXTS,
    **runs_texts.TEXTS,
    **train_texts.TEXTS,
    **course_texts.TEXTS,
    **memory_texts.TEXTS,
    **sharing_texts.TEXTS,
}


class Words:
    """The words of one language. `words("runs.empty", root="runs")` fills the fields of a text.

    Raises:
        KeyError: there is no such text.
    """

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self._place = LANGS.index(lang)

    def __call__(self, key: str, **fields: object) -> str:
        """A text by its key, with its fields filled."""
        text = TEXTS[key][self._place]
        return text.format(**fields) if fields else text
