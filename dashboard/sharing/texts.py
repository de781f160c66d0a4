"""The words of sharing, English and Chinese: the login, the shared pages, what the command line says."""

from __future__ import annotations

from dashboard.sharing import panel_texts

TEXTS: dict[str, tuple[str, str]] = {
    **panel_texts.TEXTS,
    # The login
    "share.login": ("Shared training runs", "共享的训练"),
    "share.name": ("Your name, as the host will see it", "您的名字（分享者可见）"),
    "share.name_help": ("Any name will do. The password came with the link.", "名字可任意填写。密码随链接一起提供。"),
    "share.password": ("Password", "密码"),
    "share.enter": ("Open", "打开"),
    "share.refused_wrong": ("This is not the password.", "密码不正确。"),
    "share.refused_locked": (
        "Too many wrong passwords. Nobody can log in for {minutes} min; who is in stays in.",
        "密码错误次数过多，{minutes} 分钟内无法登录；已登录者不受影响。",
    ),
    "share.refused_full": ("Too many people are looking; try again later.", "当前访问人数过多，请稍后再试。"),
    "share.token_needed": (
        "Open this dashboard by the address with ?token= that its terminal shows, or with the token in the file .clinic/token "
        "in its folder of runs; on a machine that is yours alone, --no-token turns this off.",
        "请使用终端中显示的带 ?token= 的地址打开本仪表盘，令牌也保存在训练文件夹的 .clinic/token 文件中；如果这台机器只有您使用，可用 --no-token 关闭。",
    ),
    # The pages
    "share.overview": ("Overview", "概览"),
    "share.shared": (
        "Shared by a link that ends at {ends}. This page was made at {made}; reload it for newer numbers.",
        "通过链接共享，链接于 {ends} 失效。本页生成于 {made}，刷新可查看更新的数据。",
    ),
    "share.comparison": ("Comparison: {name}", "对比：{name}"),
    "share.gone": ("{name}: this run has gone, or cannot be read any more.", "{name}：该训练已不存在或无法读取。"),
    "share.votes": ("What people chose, without knowing which was which", "盲评结果"),
    "share.leave": ("Log out", "退出"),
    # Trying
    "share.try": ("Try", "试用"),
    "share.try_help": (
        "Ask the shared checkpoints something: at most {characters} characters, {tokens} new tokens and {prompts} prompts a minute. "
        "The host's machine answers.",
        "向共享的检查点提问：最多 {characters} 个字符、{tokens} 个新词元，每分钟 {prompts} 次提问。由分享者的机器作答。",
    ),
    "share.prompt": ("Prompt", "提示"),
    "share.ask": ("Ask", "提问"),
    "share.halt": ("Stop", "停止"),
    "share.examples": ("Prompts that no shared run was trained on:", "共享的训练都没有见过的提示："),
    "share.checkpoints": ("Checkpoints", "检查点"),
    "share.temperature": ("Temperature", "温度"),
    "share.vote_title": ("Vote blindly", "盲评"),
    "share.vote_help": (
        "All shared checkpoints answer the same prompt; the answers are shuffled and have no names.",
        "所有共享检查点回答同一提示，回答打乱顺序且不显示名字。",
    ),
    "share.vote_next": ("Next ballot", "下一题"),
    "share.vote_own": (
        "A prompt of your own, or leave it empty for one of the set",
        "自拟提示，留空则取提示集中的一个",
    ),
    "share.much_waiting": (
        "Two prompts of yours are being answered or wait; ask again when one is done.",
        "您已有两个提问正在作答或排队，请等其中一个完成后再提问。",
    ),
    "share.much_queue": ("Too many prompts wait; try again in a minute.", "排队的提问过多，请一分钟后再试。"),
    "share.much_events": ("That was quick. Try again in a minute.", "操作过快，请一分钟后再试。"),
    "share.much_streams": ("You have too many tabs open; close some.", "您打开的标签页过多，请关闭一些。"),
    "share.thanks": ("Thank you. Votes of yours so far: {count}.", "谢谢，已保存您的 {count} 票。"),
    "share.not_kept": ("The vote could not be kept.", "投票无法保存。"),
    "share.ask_something": ("Write a prompt first.", "请先填写提示。"),
    "share.too_long": (
        "The prompt has {count} characters; {most} are allowed.",
        "提示有 {count} 个字符，最多允许 {most} 个。",
    ),
    "share.too_often": ("That was quick. Try again in {seconds} s.", "提问过快，请在 {seconds} 秒后再试。"),
    "share.not_offered": ("Choose from the checkpoints that are shared.", "请从共享的检查点中选择。"),
    "share.no_prompts": ("There is no prompt left in the set; write one.", "提示集已用完，请自拟提示。"),
    "share.enough_votes": (
        "You have voted {most} times: that is enough, thank you.",
        "您已投票 {most} 次，已达上限，谢谢。",
    ),
    "share.logged_out": ("You are logged out; reload the page.", "您已退出登录，请刷新页面。"),
    # What the command line says
    "share.token_kept": (
        "  The address holds a token: other people can log in to this machine. It is kept in {file}; --no-token turns it off.",
        "  地址中带有令牌，因为其他人可以登录这台机器。令牌保存在 {file}；可用 --no-token 关闭。",
    ),
    "share.token_off": (
        "  No token is asked for: whoever can run programs on this machine can use the dashboard; --token asks for one.",
        "  未启用令牌：能在这台机器上运行程序的人都可以使用本仪表盘；可用 --token 启用。",
    ),
    "share.on": ("Shared for {hours:g} hours, until {ends}: {names}", "已共享 {hours:g} 小时，至 {ends}：{names}"),
    "share.link": ("  link      {url}", "  链接      {url}"),
    "share.link_local": ("  here      {url}", "  本机地址  {url}"),
    "share.said_password": ("  password  {password}", "  密码      {password}"),
    "share.own_password": ("  password  the one you gave", "  密码      您所设置的密码"),
    "share.how_to_stop": (
        "  To stop: Ctrl-C, or python -m dashboard --runs {runs} --stop-sharing",
        "  停止共享：Ctrl-C，或 python -m dashboard --runs {runs} --stop-sharing",
    ),
    "share.came": ("{name} has logged in.", "{name} 已登录。"),
    "share.left": ("{name} is gone.", "{name} 已离开。"),
    "share.locked": ("{count} wrong passwords so far.", "目前已有 {count} 次密码错误。"),
    "share.ended_expired": (
        "Sharing is over: its time has run out. The link is dead.",
        "共享已结束：时间已到，链接失效。",
    ),
    "share.ended_stopped": ("Sharing is stopped. The link is dead.", "共享已停止，链接失效。"),
    "share.ended_tunnel": (
        "Sharing is over: the tunnel has ended by itself. {detail}",
        "共享已结束：隧道自行终止。{detail}",
    ),
    "share.ended_crashed": (
        "Sharing is over: its server has ended unexpectedly. {detail}",
        "共享已结束：服务进程意外终止。{detail}",
    ),
    "share.ended_parent": ("Sharing is over: the dashboard has ended.", "共享已结束：仪表盘已退出。"),
    "share.ended_failed": ("Nothing is shared: {detail}", "未共享任何内容：{detail}"),
    "share.not_on": ("Nothing is shared from {runs}.", "{runs} 没有正在共享的内容。"),
    "share.no_end": (
        "Sharing did not end within {seconds:g} s; end process {pid} by hand.",
        "共享未能在 {seconds:g} 秒内结束，请手动结束进程 {pid}。",
    ),
    "share.alternatives": (
        "Without the tunnel:\n"
        "  a link by SSH        --share-link none, then: ssh -R 8080:127.0.0.1:{port} you@a-machine-they-reach\n"
        "  a reverse proxy      --share-link none --share-path /clinic, behind nginx or Caddy with TLS\n"
        "  a Space              an app.py of three lines; see docs/sharing.md\n"
        "  a file for a mail    python -m diagnostics export {first} --out runs.html",
        "不使用隧道的其他办法：\n"
        "  SSH 链接      --share-link none，然后：ssh -R 8080:127.0.0.1:{port} 您@对方可访问的机器\n"
        "  反向代理      --share-link none --share-path /clinic，置于带 TLS 的 nginx 或 Caddy 之后\n"
        "  Space         三行的 app.py，见 docs/zh/sharing.md\n"
        "  邮件附件      python -m diagnostics export {first} --out runs.html",
    ),
}
