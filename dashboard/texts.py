"""The dashboard's words, English and Chinese. The words of findings stand with their rules."""

from __future__ import annotations

from typing import Literal

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("TRL Clinic", "TRL 诊所"),
    "tagline": ("Did it get better? Why did it fail?", "变好了吗？为什么失败？"),
    "nav.runs": ("Runs", "训练"),
    "nav.compare": ("Compare", "对比"),
    "nav.diagnose": ("Diagnose", "诊断"),
    "nav.other": ("中文", "English"),
    "nav.theme": ("Light or dark", "浅色或深色"),
    # Runs
    "runs.empty": (
        "No runs yet below {root}. Start the demo to see a model trained from base to DPO, with one run that fails on "
        "purpose; or train one yourself: python -m training start --method sft --help",
        "{root} 下还没有训练。点击开始演示，看一个模型从 base 训练到 DPO，其中一次会按设计失败；也可以自己训练："
        "python -m training start --method sft --help",
    ),
    "runs.start_demo": ("Start the demo", "开始演示"),
    "runs.resume_demo": ("Continue the demo", "继续演示"),
    "runs.demo": ("Demo: a customer-service assistant, from random weights to DPO", "演示：客服助手，从随机权重到 DPO"),
    "runs.demo_broken": ("The demo ended early: {reason}", "演示提前结束：{reason}"),
    "runs.run": ("run", "训练"),
    "runs.method": ("method", "方法"),
    "runs.state": ("state", "状态"),
    "runs.progress": ("step", "步数"),
    "runs.loss": ("loss", "损失"),
    "runs.score": ("held-out score", "留出集得分"),
    "runs.score_help": (
        "mean over held-out prompts at the last checkpoint, with its 95 % interval",
        "最后一个检查点在留出提示上的平均分及 95% 区间",
    ),
    "runs.findings": ("findings", "诊断"),
    "runs.healthy": ("none", "无"),
    "runs.unreadable": ("cannot be read", "无法读取"),
    "runs.curves": ("Curves", "曲线"),
    "runs.choose_runs": ("Runs to draw", "要画的训练"),
    "runs.choose_metrics": ("Metrics", "指标"),
    "runs.log_scale": ("Logarithmic", "对数刻度"),
    "runs.checkpoints": ("checkpoints", "检查点"),
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
    "diagnose.unwritten": ("{path}: cannot be written ({reason}).", "{path}：无法写入（{reason}）。"),
    "diagnose.onset": ("step {step}", "第 {step} 步"),
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
