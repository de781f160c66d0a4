"""The words of the Learn page, English and Chinese: for each exercise its title, aim, steps, and what its check may say."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "course.intro": (
        "Seven days with TRL on the small model of the demo: each exercise is done in the other pages, and this page sees in the "
        "runs folder that it was. Start the demo on the Runs page first; it trains every method in some minutes on two cores.",
        "用演示的小模型学习 TRL，共七天：每个练习都在其他页面完成，本页根据训练文件夹判断是否做到。请先在“训练记录”页启动演示；"
        "它在两个 CPU 核上几分钟内训练所有方法。",
    ),
    "course.day": ("Day {day}", "第 {day} 天"),
    "course.day1": ("the environment, a first training, a first comparison", "环境、第一次训练、第一次对比"),
    "course.day2": ("PPO and its parameters", "PPO 及其参数"),
    "course.day3": ("RLHF in three stages", "RLHF 三阶段"),
    "course.day4": ("DPO against PPO", "DPO 与 PPO 的对比"),
    "course.day5": ("rewards: your own, and several at once", "奖励：自定义与多维奖励"),
    "course.day6": ("a curriculum, and the customer-service project end to end", "课程学习，以及完整的客服项目"),
    "course.day7": ("debugging", "调试"),
    "course.count": ("{done} of {all} exercises done", "已完成 {done} / {all} 个练习"),
    "course.unkept": (
        "What is done cannot be kept beside the runs: {reason}. Once the folder can be written again, it is kept at the next look.",
        "完成情况无法保存在训练旁边：{reason}。文件夹恢复可写后，下次查看时会自动保存。",
    ),
    "course.aim": ("Aim:", "目标："),
    "course.where": ("Where:", "在哪里做："),
    "course.done": ("done", "已完成"),
    "course.open": ("open", "未完成"),
    "course.working": ("At work; it takes some seconds …", "正在进行，需要几秒……"),
    "course.answer": ("Check my answer", "检查答案"),
    "course.shown.right": ("Right, by your own runs.", "正确，依据是你自己的训练结果。"),
    "course.shown.wrong": ("Not by your runs: look once more.", "与你的训练结果不符，请再看看。"),
    "course.shown.too_early": (
        "Your runs do not tell it yet: what the steps ask for has to finish first.",
        "现有训练还得不出结论：请先完成上面的步骤。",
    ),
    "course.shown.choose": ("Choose an answer.", "请选择一个答案。"),
    "course.shown.state": ("Now: {state}.", "当前：{state}。"),
    # Day 1
    "course.environment": ("Is this machine ready?", "这台机器准备好了吗？"),
    "course.environment.aim": (
        "know what a training needs, and how a broken environment is mended",
        "了解训练需要什么，以及如何修复环境",
    ),
    "course.environment.steps": (
        "Press the button: it runs `python -m training doctor`.\nWhat is wrong stands below; the same command in a terminal "
        "prints what mends it.",
        "点击按钮：它会运行 `python -m training doctor`。\n问题显示在下方；在终端运行同一命令会给出修复方法。",
    ),
    "course.environment.act": ("Look at the environment", "检查环境"),
    "course.environment.well": ("All {count} checks are well.", "{count} 项检查全部正常。"),
    "course.environment.to_mend": ("To mend: {what}.", "需要修复：{what}。"),
    "course.environment.failed": ("The check itself failed: {reason}", "检查本身失败：{reason}"),
    "course.demo": ("Train the demo", "训练演示"),
    "course.demo.aim": ("see a whole post-training from the base model on", "看一次从基础模型开始的完整后训练"),
    "course.demo.steps": (
        "Start the demo on the Runs page.\nWatch the loss of the run sft fall while it trains.",
        "在“训练记录”页启动演示。\n观察 sft 训练时损失的下降。",
    ),
    "course.demo.not_started": ("The run sft is not there yet.", "还没有名为 sft 的训练。"),
    "course.demo.running": ("sft is at step {step} of {all}.", "sft 正在第 {step} 步，共 {all} 步。"),
    "course.demo.finished": ("sft has finished its {all} steps.", "sft 已完成全部 {all} 步。"),
    "course.first": ("Did it get better?", "变好了吗？"),
    "course.first.aim": (
        "judge a training by answers to prompts that it has not seen, not by its loss",
        "用没见过的提示上的回答来评判训练，而不是看损失",
    ),
    "course.first.steps": (
        "Open Compare with the last checkpoints of base and sft.\nAsk both the same question, then compare them on the held-out "
        "prompts.",
        "在“对比”页打开 base 和 sft 的最后一个检查点。\n用同一个问题提问，再在留出提示上比较。",
    ),
    "course.first.question": (
        "Whose answers to the held-out prompts score higher?",
        "哪一个在留出提示上的得分更高？",
    ),
    # Day 2
    "course.ppo": ("PPO with another leash", "换一条“缰绳”的 PPO"),
    "course.ppo.aim": (
        "see what kl_coef does: it prices every step away from the reference",
        "看 kl_coef 的作用：它为偏离参考模型的每一步定价",
    ),
    "course.ppo.steps": (
        "On Train, start from the run ppo of the demo.\nChange kl_coef, for example to 0 or to ten times as much; start it.\n"
        "Read its reward and its KL beside those of the demo's run.",
        "在“开始训练”页以演示的 ppo 为起点。\n修改 kl_coef，例如改为 0 或十倍；开始训练。\n与演示的训练对照奖励和 KL。",
    ),
    "course.ppo.found": (
        "{run} trained with kl_coef {mine} (the demo: {usual}).",
        "{run} 使用 kl_coef {mine}（演示为 {usual}）。",
    ),
    "course.ppo.none": (
        "No finished PPO run with another kl_coef than {usual} yet.",
        "还没有 kl_coef 不是 {usual} 且已完成的 PPO 训练。",
    ),
    "course.ppo.early": (
        "The demo's ppo has not begun yet: yours is told from it by its kl_coef.",
        "演示的 ppo 还没有开始：要凭它的 kl_coef 与你的区分。",
    ),
    "course.drift": ("How far did it go?", "走了多远？"),
    "course.drift.aim": (
        "read the KL to the reference: reward that is bought with a large KL is often no better answer",
        "读懂与参考模型的 KL：靠很大的 KL 换来的奖励往往不是更好的回答",
    ),
    "course.drift.steps": (
        "Lay the demo's ppo and your PPO run over each other on the Runs page.\nCompare the curves of the KL at their ends.",
        "在“训练记录”页叠加演示的 ppo 和你的 PPO。\n比较两条 KL 曲线的末端。",
    ),
    "course.drift.question": ("Which ended further from the reference?", "哪一个最终离参考模型更远？"),
    "course.drift.demo": ("the demo's", "演示的"),
    "course.drift.mine": ("mine", "我的"),
    # Day 3
    "course.stages": ("SFT, reward model, PPO", "SFT、奖励模型、PPO"),
    "course.stages.aim": (
        "know the three stages and what each hands to the next",
        "了解三个阶段，以及各阶段交给下一阶段的内容",
    ),
    "course.stages.steps": (
        "Look at the demo's stages on the Runs page: what does ppo go on from, what rewards it?\nIf the demo has not got that "
        "far: start the three yourself on Train, each from the last checkpoint before.",
        "在“训练记录”页查看演示的各阶段：ppo 从哪里继续，由谁给奖励？\n若演示尚未进行到这里：在“开始训练”页自己依次训练三个阶段，"
        "每个都从上一个的最后检查点开始。",
    ),
    "course.stages.found": (
        "{run} went on from {sft} and was rewarded by {reward}.",
        "{run} 从 {sft} 继续，由 {reward} 给奖励。",
    ),
    "course.stages.none": (
        "No finished run yet that goes on from an SFT run and is rewarded by a reward model.",
        "还没有从 SFT 继续、由奖励模型给奖励且已完成的训练。",
    ),
    "course.judge": ("How good is the judge?", "裁判有多准？"),
    "course.judge.aim": (
        "judge the reward model before it judges: its accuracy on held-out pairs",
        "在它评判之前先评判它：奖励模型在留出偏好对上的准确率",
    ),
    "course.judge.steps": (
        "Find eval/accuracy of the run reward.\nHow often does it prefer the better answer at the end?",
        "找到 reward 的 eval/accuracy。\n最后它有多少次偏好更好的回答？",
    ),
    "course.judge.question": ("The demo's reward model is right on", "演示的奖励模型答对的比例是"),
    "course.judge.chance": ("about half of the pairs", "约一半"),
    "course.judge.most": ("most pairs (60 to 95 %)", "大多数（60–95 %）"),
    "course.judge.all": ("nearly all pairs (95 % or more)", "几乎全部（95 % 以上）"),
    "course.judge.why": (
        "What it mistakes is what a policy will find: further training against it can lower the true score.",
        "它判错的地方正是策略会钻的空子：继续针对它训练可能降低真实得分。",
    ),
    # Day 4
    "course.dpo": ("DPO with another beta", "换一个 beta 的 DPO"),
    "course.dpo.aim": (
        "see what beta does where no reward model stands between",
        "在没有奖励模型的情况下看 beta 的作用",
    ),
    "course.dpo.steps": (
        "On Train, start from the run dpo; change beta, for example to 0.01 or 0.5; start it.\nCompare margins and accuracies of "
        "the rewards with the demo's.",
        "在“开始训练”页以 dpo 为起点；修改 beta，例如 0.01 或 0.5；开始训练。\n与演示比较奖励的差距和准确率。",
    ),
    "course.dpo.early": (
        "The demo's dpo has not begun yet: yours is told from it by its beta.",
        "演示的 dpo 还没有开始：要凭它的 beta 与你的区分。",
    ),
    "course.dpo.found": (
        "{run} trained with beta {mine} (the demo: {usual}).",
        "{run} 使用 beta {mine}（演示为 {usual}）。",
    ),
    "course.dpo.none": (
        "No finished DPO run with another beta than {usual} yet.",
        "还没有 beta 不是 {usual} 且已完成的 DPO 训练。",
    ),
    "course.against": ("Which road led further?", "哪条路走得更远？"),
    "course.against.aim": (
        "compare two methods honestly: same start, same held-out prompts, an interval around the difference",
        "诚实地比较两种方法：同一起点、同样的留出提示、带区间的差异",
    ),
    "course.against.steps": (
        "Open Compare with the last checkpoints of dpo and ppo.\nCompare them on the held-out prompts and read the verdict with "
        "its interval.",
        "在“对比”页打开 dpo 和 ppo 的最后检查点。\n在留出提示上比较，阅读结论及其区间。",
    ),
    "course.against.question": ("Which scores higher on the held-out prompts?", "哪一个在留出提示上得分更高？"),
    # Day 5
    "course.reward": ("A reward of your own", "自己的奖励函数"),
    "course.reward.aim": (
        "write a reward function, and know how it can be cheated before a policy finds out",
        "写一个奖励函数，并在策略发现之前知道它如何被钻空子",
    ),
    "course.reward.steps": (
        "Write rewards.py with a function f(completions, **kwargs) that returns a number for each completion.\nGive it to "
        "Pre-flight with the demo's prompts: look at what junk it rewards.\nTrain GRPO with it: reward_funcs = rewards.py:f.",
        "写 rewards.py，其中函数 f(completions, **kwargs) 为每个回答返回一个数。\n在“训练前检查”中用演示的提示试它：看哪些无意义"
        "的回答也得到奖励。\n用它训练 GRPO：reward_funcs = rewards.py:f。",
    ),
    "course.reward.found": ("{run} was rewarded by {reward}.", "{run} 由 {reward} 给奖励。"),
    "course.reward.none": (
        "No finished run yet that is rewarded by a function of yours.",
        "还没有用你的函数给奖励且已完成的训练。",
    ),
    "course.several": ("Several rewards at once", "多维奖励"),
    "course.several.aim": (
        "combine rewards, and see whether one of them decides alone",
        "组合多个奖励，看是否由其中一个独自决定",
    ),
    "course.several.steps": (
        "Give GRPO two functions or more between commas, for example yours and length.\nAdd "
        "reward_weights below. See whether reward-component-dominates speaks up.",
        "给 GRPO 两个以上的函数，用逗号隔开，例如你的函数和 length。\n在下方加上 reward_weights。看 "
        "reward-component-dominates 是否提示。",
    ),
    "course.several.found": ("{run} had {count} rewards.", "{run} 使用了 {count} 个奖励。"),
    "course.several.none": ("No finished run with two rewards or more yet.", "还没有使用两个以上奖励且已完成的训练。"),
    # Day 6
    "course.curriculum": ("From easy to hard", "由易到难"),
    "course.curriculum.aim": (
        "know when the order of the data helps: where the hard rows give nothing to learn at first",
        "了解数据顺序何时有用：难的样本一开始学不到东西时",
    ),
    "course.curriculum.steps": (
        "On Train, start from the run sft; add curriculum=length below, or curriculum=loss.\nCompare its course with that of sft.",
        "在“开始训练”页以 sft 为起点；在下方加上 curriculum=length 或 curriculum=loss。\n与 sft 的过程比较。",
    ),
    "course.curriculum.found": ("{run} trained with curriculum {curriculum}.", "{run} 使用了课程 {curriculum}。"),
    "course.curriculum.none": ("No finished run with a curriculum yet.", "还没有使用课程学习且已完成的训练。"),
    "course.project": ("The customer-service assistant, by you", "由你训练的客服助手"),
    "course.project.aim": (
        "do it all yourself: data, SFT, a second stage, and a verdict",
        "独立完成全过程：数据、SFT、第二阶段和结论",
    ),
    "course.project.steps": (
        "Train your own SFT run from base; keep sample_prompts and sample_rewards, so that its answers are scored.\nTrain DPO, "
        "KTO, GRPO, RLOO or PPO from its last checkpoint.\nGet a higher held-out score than your SFT run.",
        "从 base 训练自己的 SFT；保留 sample_prompts 和 sample_rewards，使其回答得到评分。\n从它的最后检查点训练 DPO、KTO、GRPO、"
        "RLOO 或 PPO。\n得到比你的 SFT 更高的留出得分。",
    ),
    "course.project.better": (
        "{run} scores {after}, its start {sft} {before}.",
        "{run} 得分 {after}，起点 {sft} 为 {before}。",
    ),
    "course.project.not_better": (
        "{run} scores {after}, no more than its start {sft} ({before}).",
        "{run} 得分 {after}，没有超过起点 {sft}（{before}）。",
    ),
    "course.project.no_score": (
        "{sft} and {run} are there, but kept no scored answers: give both sample_prompts and sample_rewards.",
        "已有 {sft} 和 {run}，但没有保留评分的回答：请给两者都加上 sample_prompts 和 sample_rewards。",
    ),
    "course.project.none": (
        "No finished run of yours yet that goes on from an SFT run of yours.",
        "还没有从你自己的 SFT 继续且已完成的训练。",
    ),
    # Day 7
    "course.fault": ("What went wrong?", "哪里出了问题？"),
    "course.fault.aim": (
        "tell causes from symptoms: one finding explains the others",
        "区分原因与症状：一个问题解释其余问题",
    ),
    "course.fault.steps": (
        "Open the demo's run sft-too-hot on Diagnose.\nRead the gravest finding, its curve and its causes.",
        "在“诊断”页打开演示的 sft-too-hot。\n阅读最严重的问题、它的曲线和原因。",
    ),
    "course.fault.question": ("The gravest finding is", "最严重的问题是"),
    "course.cure": ("Cure it", "治好它"),
    "course.cure.aim": (
        "apply a fix as a child run: the failed run stays as it is, and the cure is proven by training",
        "以子训练应用修复：失败的训练保持不变，用训练证明修复有效",
    ),
    "course.cure.steps": (
        "On Diagnose, show the fix of sft-too-hot and write its config.\nFollow the link to Train and start the child.\nWait until "
        "it has finished: its own diagnosis decides.",
        "在“诊断”页查看 sft-too-hot 的修复并写出配置。\n点击链接到“开始训练”页，启动子训练。\n等它完成：由它自己的诊断判定。",
    ),
    "course.cure.cured": ("{run} finished without an error.", "{run} 已完成，没有错误。"),
    "course.cure.still": ("{run} has finished, and still has: {rules}.", "{run} 已完成，但仍有：{rules}。"),
    "course.cure.none": ("No finished child of sft-too-hot yet.", "还没有 sft-too-hot 的已完成的子训练。"),
    "course.sampling": ("Temperature and top_p", "temperature 与 top_p"),
    "course.sampling.aim": (
        "tell a model's faults from those of its sampling",
        "区分模型的问题与采样的问题",
    ),
    "course.sampling.steps": (
        "On Compare, ask one checkpoint the same prompt with the seeds 0, 1 and 2 at temperature 1.\nAsk again at temperature 0, "
        "then at temperature 1.5 with top_p 1 and with top_p 0.5.",
        "在“对比”页用种子 0、1、2 以 temperature 1 向同一检查点问同一提示。\n再用 temperature 0，然后用 temperature 1.5 配 top_p 1 "
        "和 top_p 0.5。",
    ),
    "course.sampling.question": (
        "At temperature 0, the answers of different seeds are",
        "temperature 为 0 时，不同种子的回答",
    ),
    "course.sampling.same": ("the same", "相同"),
    "course.sampling.different": ("different", "不同"),
    "course.sampling.why": (
        "At temperature 0 the likeliest token is taken each time. What repeats or rambles there is the model's fault, not the "
        "sampling's.",
        "temperature 为 0 时每次都取概率最大的词元。此时的重复或胡言是模型的问题，不是采样的问题。",
    ),
}
