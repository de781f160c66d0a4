"""The dashboard's words, English and Chinese. The words of findings stand with their rules."""

from __future__ import annotations

from typing import Literal

from dashboard.compare import texts as compare_texts
from dashboard.diagnose import texts as diagnose_texts
from dashboard.learn import texts as course_texts
from dashboard.memory import texts as memory_texts
from dashboard.preflight import texts as preflight_texts
from dashboard.runs import texts as runs_texts
from dashboard.sharing import texts as sharing_texts
from dashboard.train import texts as train_texts

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("TRL Clinic", "TRL 诊所"),
    "tagline": ("Did it get better? Why did it fail?", "变好了吗？为什么失败？"),
    "nav.runs": ("Runs", "训练记录"),
    "nav.compare": ("Compare", "对比"),
    "nav.diagnose": ("Diagnose", "诊断"),
    "nav.learn": ("Learn", "课程"),
    "nav.train": ("Train", "开始训练"),
    "nav.preflight": ("Pre-flight", "训练前检查"),
    "nav.other": ("中文", "English"),
    "nav.theme": ("Light or dark", "浅色或深色"),
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
    "activity.queued_behind": ("queued behind {runs}", "排队中，前面是 {runs}"),
    **runs_texts.TEXTS,
    **train_texts.TEXTS,
    **preflight_texts.TEXTS,
    **memory_texts.TEXTS,
    **compare_texts.TEXTS,
    **diagnose_texts.TEXTS,
    **course_texts.TEXTS,
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
