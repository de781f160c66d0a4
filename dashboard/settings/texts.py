"""The words of the Settings page, English and Chinese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "nav.settings": ("Settings", "设置"),
    # This browser
    "settings.browser": ("This browser", "此浏览器"),
    "settings.browser_help": (
        "Kept in this browser only; other open tabs follow when they are loaded again.",
        "仅保存在此浏览器中；其他已打开的标签页在重新加载后生效。",
    ),
    "settings.language": ("Language", "语言"),
    "settings.language_auto": ("as the browser is set", "跟随浏览器"),
    "settings.theme": ("Theme", "主题"),
    "settings.theme_system": ("as the system is set", "跟随系统"),
    "settings.theme_light": ("light", "浅色"),
    "settings.theme_dark": ("dark", "深色"),
    # Folders
    "settings.folders": ("Folders", "文件夹"),
    "settings.what": ("What", "内容"),
    "settings.where": ("Where", "位置"),
    "settings.size": ("Size", "大小"),
    "settings.counting": ("counting…", "统计中……"),
    "settings.nothing_yet": ("nothing yet", "暂无"),
    "settings.place_runs": ("Runs, and all below that is kept beside them", "训练，以及保存在其旁的下列内容"),
    "settings.place_marks": ("Your tags, notes, archive", "您的标签、备注、归档"),
    "settings.place_settings": ("These limits", "下方的限制"),
    "settings.place_votes": ("Blind votes", "盲选投票"),
    "settings.place_course": ("Progress in the course", "课程进度"),
    "settings.place_workers": ("Mailbox of the model workers", "模型进程的信箱"),
    "settings.place_share": ("State of the shared link", "分享链接的状态"),
    "settings.place_cache": ("Kept answers of models", "缓存的模型回答"),
    "settings.writable": (
        "The runs folder can be written; {free} are free there. It is chosen when the dashboard is started: --runs FOLDER.",
        "训练文件夹可以写入，剩余空间 {free}。该文件夹在启动仪表盘时指定：--runs 文件夹。",
    ),
    "settings.not_writable": (
        "The runs folder cannot be written ({reason}): nothing is kept, and no training starts. Mend its permissions, free "
        "some space, or start the dashboard with another: --runs FOLDER.",
        "训练文件夹无法写入（{reason}）：无法保存内容，也无法开始训练。请修改权限、腾出空间，或换一个文件夹启动：--runs 文件夹。",
    ),
    "settings.cache_empty": ("Empty the answer cache…", "清空回答缓存……"),
    "settings.cache_ask": (
        "Delete all kept answers? They are generated anew when they are asked for again; runs and votes stay.",
        "删除所有缓存的回答？再次提问时会重新生成；训练和投票不受影响。",
    ),
    "settings.cache_yes": ("Delete them", "删除"),
    "settings.cache_no": ("Keep them", "保留"),
    "settings.cache_gone": (
        "The answer cache is empty: answers of {count} checkpoints are gone, {size}.",
        "回答缓存已清空：删除了 {count} 个检查点的回答，共 {size}。",
    ),
    "settings.cache_stays": (
        "The answer cache could not be emptied ({reason}).",
        "无法清空回答缓存（{reason}）。",
    ),
    # Limits
    "settings.limits": ("Limits", "限制"),
    "settings.limits_help": (
        "In force as soon as they are saved; other open tabs follow when they are loaded again. An empty field is the default.",
        "保存后立即生效；其他已打开的标签页在重新加载后生效。留空即为默认值。",
    ),
    "settings.at_once": ("Trainings at once on this machine", "本机同时进行的训练数"),
    "settings.at_once_help": (
        "1 to {most}, for all of your runs folders; others wait in the queue. The same as: python -m training queue --at-most N",
        "1 到 {most}，对您的所有训练文件夹有效；其余排队等待。等同于：python -m training queue --at-most N",
    ),
    "settings.model_memory_gib": ("Memory of all models that answer, GiB", "所有作答模型可用的内存（GiB）"),
    "settings.memory_help": (
        "{least:g} to {most:,.0f}; empty: {automatic:.1f}, 70 % of what was free at the start. Holds from the next answer on.",
        "{least:g} 到 {most:,.0f}；留空：{automatic:.1f}（启动时空闲内存的 70%）。从下一次回答起生效。",
    ),
    "settings.memory_fixed": (
        "Set to {automatic:.1f} for this start by {variable}; unset it to choose here.",
        "本次启动由 {variable} 设为 {automatic:.1f}；取消该变量后可在此设置。",
    ),
    "settings.max_new_tokens": ("Longest answer on Compare at first, tokens", "对比页面的默认回答长度上限（词元）"),
    "settings.rows": ("Rows of a page of the Runs table", "训练记录表格每页的行数"),
    "settings.plots": ("Plots that the Runs page draws at first", "训练记录页面起初绘制的图数"),
    "settings.range_help": ("{least:g} to {most:g}; default {default:g}", "{least:g} 到 {most:g}；默认 {default:g}"),
    "settings.save": ("Save the limits", "保存限制"),
    "settings.saved": ("Saved in {path}; in force now.", "已保存到 {path}，立即生效。"),
    "settings.unsaved": ("Not saved: {reason}", "未保存：{reason}"),
    "settings.refused_whole": (
        "{what}: {value} cannot be; a whole number from {least} to {most} was expected. Nothing was saved.",
        "{what}：不能是 {value}，应为 {least} 到 {most} 的整数。未保存任何更改。",
    ),
    "settings.refused_number": (
        "{what}: {value} cannot be; a number from {least} to {most} was expected. Nothing was saved.",
        "{what}：不能是 {value}，应为 {least} 到 {most} 的数。未保存任何更改。",
    ),
    "settings.refused_variable": (
        "The memory of the models is set by {variable} for this start; unset it to choose here. Nothing was saved.",
        "模型内存在本次启动时由 {variable} 设定；取消该变量后可在此设置。未保存任何更改。",
    ),
    "settings.damaged": (
        "{path} cannot be read as settings ({reason}): defaults hold. Mend or remove it.",
        "{path} 无法作为设置读取（{reason}）：使用默认值。请修复或删除该文件。",
    ),
    "settings.damaged_kept": (
        "Not saved: {path} cannot be read as settings ({reason}), and is left as it is. Mend or remove it first.",
        "未保存：{path} 无法作为设置读取（{reason}），已保持原样。请先修复或删除该文件。",
    ),
    "settings.odd": (
        "{path}: {names} is out of range, so the default holds; save anew to mend it.",
        "{path}：{names} 超出范围，使用默认值；重新保存即可修复。",
    ),
}
