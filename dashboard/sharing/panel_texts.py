"""The words of the Share page, English and Chinese: its form, its panel, its refusals."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "nav.share": ("Share", "分享"),
    "share.these": ("Share…", "分享…"),
    "share.intro": (
        "Show chosen runs to other people: by a link with a password that ends by itself, or as a file.",
        "把选定的训练展示给他人：通过带密码、到期自动失效的链接，或者导出为一个文件。",
    ),
    # The form
    "share.form_runs": ("Runs", "训练"),
    "share.form_runs_help": (
        "A new link, and the file below, show these and no others",
        "新链接和下方的文件只包含这些训练",
    ),
    "share.form_mode": ("What visitors may do", "访问者可以做什么"),
    "share.mode_view": ("Look: curves, scores, differences, findings", "查看：曲线、得分、差异、诊断结果"),
    "share.mode_try": ("Look, ask the checkpoints, vote blindly", "查看、向检查点提问、盲选投票"),
    "share.form_checkpoints": ("Checkpoints to ask", "可提问的检查点"),
    "share.form_checkpoints_help": (
        "At most {most}; none chosen: the last of each run. Your machine answers.",
        "最多 {most} 个；不选则取每次训练的最后一个。由您的机器作答。",
    ),
    "share.form_span": ("The link ends after", "链接有效期"),
    "share.span": ("{hours:g} h", "{hours:g} 小时"),
    "share.form_link": ("How they reach it", "对方如何访问"),
    "share.link_tunnel": ("A public link, by Gradio's tunnel", "公开链接（通过 Gradio 隧道）"),
    "share.link_none": ("An address on this machine, for SSH or a reverse proxy", "本机地址，供 SSH 或反向代理使用"),
    "share.form_own_password": ("A password of your own (optional)", "自定义密码（可选）"),
    "share.form_own_password_help": (
        "{least} characters or more; left empty, a long random one is made",
        "至少 {least} 个字符；留空则生成一个很长的随机密码",
    ),
    "share.form_own_port": ("Port (0: a free one)", "端口（0：任选空闲端口）"),
    "share.form_own_path": ("Path behind a reverse proxy (optional)", "反向代理下的路径（可选）"),
    "share.start": ("Start sharing", "开始分享"),
    "share.cancel": ("Cancel", "取消"),
    "share.stop": ("Stop sharing", "停止分享"),
    "share.stopping": ("Ending the link…", "正在结束链接……"),
    "share.calling": ("Calling it off…", "正在取消……"),
    # What the form refuses
    "share.form_incomplete": (
        "Choose what visitors may do, and how they reach it.",
        "请选择访问者可以做什么，以及如何访问。",
    ),
    "share.form_no_runs": ("Choose the runs to share first.", "请先选择要分享的训练。"),
    "share.form_gone": (
        "{names}: not there any more, or cannot be read; choose again.",
        "{names}：已不存在或无法读取，请重新选择。",
    ),
    "share.form_foreign": (
        "{names}: no checkpoint of the chosen runs that answers; choose again.",
        "{names}：不是所选训练中能够回答的检查点，请重新选择。",
    ),
    "share.form_many": (
        "{count} checkpoints are chosen; at most {most} can be asked.",
        "选择了 {count} 个检查点，最多 {most} 个。",
    ),
    "share.form_mute": (
        "None of these runs has a checkpoint that answers; share them to look at.",
        "这些训练都没有能够回答的检查点，只能以“查看”方式分享。",
    ),
    "share.form_password": (
        "The password has {count} characters; {least} to {most} are needed. Left empty, one is made.",
        "密码有 {count} 个字符，需要 {least} 到 {most} 个。留空则自动生成。",
    ),
    "share.form_hours": (
        "A link lives more than 0 and at most {most} hours.",
        "链接有效期须大于 0 小时，且不超过 {most} 小时。",
    ),
    "share.form_port": ("The port is a whole number from 0 to {most}.", "端口须为 0 到 {most} 的整数。"),
    "share.form_path": (
        "The path begins with / and has letters, digits, - _ . ~ and / only, such as /clinic.",
        "路径须以 / 开头，只含字母、数字和 - _ . ~ /，例如 /clinic。",
    ),
    # The panel
    "share.is_off": (
        "Nothing is shared now. A link lives {most} hours at most, and never longer than this dashboard runs.",
        "目前没有分享任何内容。链接最长 {most} 小时，且不会比仪表盘运行得更久。",
    ),
    "share.starting": ("Making the link", "正在创建链接"),
    "share.stage_pages": ("Start a server of its own and make the pages", "启动独立的服务并生成页面"),
    "share.stage_program": (
        "Get the tunnel's program and check it against its checksum",
        "获取隧道程序并核对校验和",
    ),
    "share.stage_tunnel": ("Wait for the tunnel's address", "等待隧道地址"),
    "share.taking": (
        "{seconds} s so far; given up after {most} min. You may leave this page meanwhile.",
        "已用 {seconds} 秒；{most} 分钟后放弃。期间可以离开本页。",
    ),
    "share.is_on": ("on", "分享中"),
    "share.on_view": ("Visitors may look", "访问者可以查看"),
    "share.on_try": ("Visitors may look, ask and vote", "访问者可以查看、提问和投票"),
    "share.field_link": ("Link", "链接"),
    "share.field_local": ("On this machine", "本机地址"),
    "share.copy": ("Copy", "复制"),
    "share.copied": ("Copied", "已复制"),
    "share.copy_what": ("Copy: {what}", "复制：{what}"),
    "share.hand_over": (
        "Send the link and the password to your visitors, best in two messages.",
        "请把链接和密码发给访问者，最好分两条消息发送。",
    ),
    "share.password_hidden": (
        "Not shown, since others reach this dashboard too.",
        "不显示：此仪表盘也可被他人访问。",
    ),
    "share.password_elsewhere": (
        "Known where it was started: another dashboard of this folder. Stopping it here works.",
        "由使用同一文件夹的另一个仪表盘启动，密码在那里。可以在此停止。",
    ),
    "share.now_some": ("{count} on", "{count} 人在线"),
    "share.now_none": ("nobody yet", "暂无"),
    "share.fact_now": ("Visitors now", "当前访问者"),
    "share.fact_left": ("Ends", "剩余时间"),
    "share.fact_prompts": ("Prompts", "提问"),
    "share.fact_votes": ("Votes", "投票"),
    "share.fact_failed": ("Wrong passwords", "密码错误"),
    "share.ends_when": (
        "It ends at {ends}, when you stop it, or when this dashboard ends or is restarted. Then the link is dead for good.",
        "于 {ends}、手动停止、或仪表盘退出或重启时结束，此后链接永久失效。",
    ),
    "share.ways_now": (
        "Others do not reach this address yet. Run one of these, or something like it:",
        "他人目前还无法访问该地址。请使用下列方式之一：",
    ),
    "share.ssh_where": ("you@a-machine-they-reach", "您@对方可访问的机器"),
    "share.proxy": ("Reverse proxy", "反向代理"),
    "share.cancelled": ("Cancelled; nothing is shared.", "已取消，没有分享任何内容。"),
    # Why there is no link
    "share.why_blocked": (
        "There is no link: this network seems to block the tunnel.",
        "没有链接：当前网络似乎阻止了隧道。",
    ),
    "share.why_checksum": (
        "There is no link: the tunnel's program is not the one it should be, so it was deleted and not run. "
        "Try once more; if it happens again, something on the way changes downloads.",
        "没有链接：隧道程序与应有的不符，已删除且未运行。请再试一次；若再次发生，说明下载内容在途中被改动。",
    ),
    "share.why_refused": (
        "There is no link: the tunnel's server did not give one. It may be busy; try again later.",
        "没有链接：隧道服务器没有给出链接，可能正忙，请稍后再试。",
    ),
    "share.why_program": (
        "There is no link: the tunnel's program does not run on this machine.",
        "没有链接：隧道程序无法在本机运行。",
    ),
    "share.why_port": (
        "Nothing is shared: the port is taken, or may not be used; choose another, or 0 for a free one.",
        "没有分享：端口已被占用或不可用，请换一个，或填 0 自动选择。",
    ),
    "share.it_said": ("What was said: {detail}", "具体信息：{detail}"),
    "share.instead": ("What works without the tunnel:", "不用隧道的办法："),
    "share.instead_ssh": (
        "SSH: choose “An address on this machine”, start, and use the command shown then.",
        "SSH：选择“本机地址”并开始，然后使用显示的命令。",
    ),
    "share.instead_proxy": (
        "A reverse proxy with TLS: the same, with a path of its own; docs/sharing.md has the lines for nginx.",
        "带 TLS 的反向代理：同上，并填写路径；nginx 配置见 docs/sharing.md。",
    ),
    "share.instead_file": (
        "A file for a mail: below on this page, or by {command}",
        "邮件附件：见本页下方，或使用命令 {command}",
    ),
    "share.instead_space": (
        "A Hugging Face Space: an app.py of three lines; see docs/sharing.md.",
        "Hugging Face Space：三行的 app.py，见 docs/sharing.md。",
    ),
    # As a file
    "share.file": ("As a file", "导出为文件"),
    "share.file_help": (
        "The chosen runs as one HTML page without scripts, to be opened from a mail: of one run its diagnosis and curves, "
        "of several also how they compare. Folders of this machine, and what looks like a key, are left out.",
        "把所选训练导出为一个不含脚本的 HTML 页面，可作为邮件附件打开：单个训练为诊断和曲线，多个训练另含相互对比。"
        "本机目录和看起来像密钥的内容会被去除。",
    ),
    "share.file_make": ("Make the file", "生成文件"),
    "share.file_ready": ("Ready to download: {size}", "可以下载：{size}"),
    "share.file_label": ("The file", "文件"),
    "share.file_failed": ("The file cannot be written ({reason}).", "无法写入文件（{reason}）。"),
    "share.file_many": (
        "{count} runs are chosen; at most {most} fit one readable file.",
        "选择了 {count} 次训练，一个文件最多 {most} 次。",
    ),
}
