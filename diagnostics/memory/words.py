"""The changes that Fit proposes, what was assumed and what happened, in words: English and Chinese."""

from __future__ import annotations

from typing import Literal

Lang = Literal["en", "zh"]

# What a change is, by the key of its price. `{new}` is the new value of its first edit.
LEVERS: dict[Lang, dict[str, str]] = {
    "en": {
        "fit": "All of these together",
        "and": "{first}; then: {then}",
        "batch": "{new} rows at once, and as many more passes before a step: the effective batch stays the same",
        "rollout": "Generate fewer answers at once",
        "evaluation-batch": "Evaluate one row at a time",
        "attention": "Attention by SDPA instead of written out: it keeps no scores",
        "precompute": "Compute the reference's log-probabilities before training, then drop the reference",
        "checkpointing": "Gradient checkpointing: compute activations again instead of keeping them",
        "offloading": "Move activations to host memory until backward needs them",
        "base-bf16": "Load the frozen weights in bf16",
        "optimizer-8bit": "AdamW with states of 8 bits",
        "optimizer-paged": "AdamW with states of 8 bits that move to host memory where the device is short",
        "sleep": "Let vLLM give its memory back while the policy is trained",
        "vllm-share": "A smaller share of the device for vLLM",
        "zero1": "Spread the optimizer's states over the devices (ZeRO stage 1)",
        "zero2": "Spread states and gradients over the devices (ZeRO stage 2)",
        "zero3": "Spread states, gradients and weights over the devices (ZeRO stage 3)",
        "fsdp": "Spread states, gradients and weights over the devices (FSDP)",
        "bf16": "Weights, gradients and states in bf16",
        "length": "Shorter rows: {new} tokens at most",
        "generations": "Fewer answers a prompt: {new}",
        "workers": "Make batches in the training process: no data loaders, nothing in /dev/shm",
        "lora": "Train a LoRA adapter on all linear layers, at ten times the learning rate",
        "qlora": "Train a LoRA adapter on weights of 4 bits (QLoRA)",
        "smaller": "A smaller model of the family: {new}",
    },
    "zh": {
        "fit": "以上全部一起",
        "and": "{first}；再：{then}",
        "batch": "每次 {new} 行，相应增加累积次数：有效批大小不变",
        "rollout": "一次生成更少的回答",
        "evaluation-batch": "评估时每次一行",
        "attention": "注意力改用 SDPA：不保存分数矩阵",
        "precompute": "训练前先算好参考模型的对数概率，然后释放参考模型",
        "checkpointing": "梯度检查点：重新计算激活值而不是保存",
        "offloading": "把激活值移到主机内存，反向传播时再取回",
        "base-bf16": "冻结的权重用 bf16 加载",
        "optimizer-8bit": "AdamW 的状态用 8 位",
        "optimizer-paged": "AdamW 的状态用 8 位，显存不足时移到主机内存",
        "sleep": "训练策略时让 vLLM 归还显存",
        "vllm-share": "给 vLLM 更小的显存份额",
        "zero1": "把优化器状态分摊到各设备（ZeRO 第 1 阶段）",
        "zero2": "把状态和梯度分摊到各设备（ZeRO 第 2 阶段）",
        "zero3": "把状态、梯度和权重分摊到各设备（ZeRO 第 3 阶段）",
        "fsdp": "把状态、梯度和权重分摊到各设备（FSDP）",
        "bf16": "权重、梯度和优化器状态用 bf16",
        "length": "更短的行：最多 {new} 个词元",
        "generations": "每个提示更少的回答：{new}",
        "workers": "在训练进程内准备批次：不用数据加载进程，不占 /dev/shm",
        "lora": "在所有线性层上训练 LoRA 适配器，学习率为十倍",
        "qlora": "在 4 位权重上训练 LoRA 适配器（QLoRA）",
        "smaller": "同系列的更小模型：{new}",
    },
}
# Why a change is priced as it is, in Chinese: the English stands with the prices. By the key of the price.
PRICED_ZH: dict[str, str] = {
    "batch": "我们的估计，每减半一次：矩阵变小，设备利用率略低；梯度相同；学到的相同",
    "rollout": "我们的估计，每减半一次：同时生成的回答更少；学到的相同",
    "evaluation-batch": "我们的估计：评估只占训练的一小部分；学到的相同",
    "attention": "SDPA 比逐步写出的注意力快，结果相同；学到的相同",
    "precompute": "第一步之前多过一遍数据，此后每一步都不再计算参考模型；学到的相同",
    "checkpointing": "每步多一次前向：TRL 文档说 20 %，按运算次数算为 33 %；学到的相同",
    "offloading": "我们的估计：激活值每步经过总线两次，部分与计算重叠；学到的相同",
    "base-bf16": "在 autocast 下冻结的权重本来就以 bf16 使用；学到的相同",
    "optimizer-8bit": "8 位状态的训练效果与 32 位相同（Dettmers 等 2022）；学到的相同",
    "optimizer-paged": "我们的估计：放不下的状态每步都要经过总线；学到的相同",
    "sleep": "我们的估计：训练策略时 vLLM 归还显存，之后再取回；学到的相同",
    "vllm-share": "我们的估计：缓存更小，同时容纳的回答更少；学到的相同",
    "zero1": "ZeRO（Rajbhandari 等 2020）第 7 节：通信量相同；学到的相同",
    "zero2": "ZeRO 第 7 节：通信量相同；学到的相同",
    "fsdp": "ZeRO 第 7 节：权重分摊后通信量为 1.5 倍；学到的相同",
    "zero3": "ZeRO 第 7 节：与 FSDP 相同；学到的相同",
    "bf16": "2 字节的权重读取更快；小于权重 1/256 的更新会丢失，微调常用的学习率与此接近",
    "length": "词元更少；每减半一次：较长的行被截断，末尾的内容学不到",
    "generations": "回答更少；每减半一次：优势由更少的回答估计",
    "workers": "我们的估计：批次在两步之间准备，而不是同时准备；学到的相同",
    "lora": "梯度和状态很少；LoRA 在小数据上与全参数微调相当，在大数据上不及（Thinking Machines，LoRA Without Regret，2025）",
    "qlora": "每次前向和反向都要解包权重；QLoRA（Dettmers 等 2023）在其基准上没有发现 4 位 LoRA 有损失",
    "smaller": "模型更小；每小一档：训练的是另一个模型",
}
NOTES: dict[Lang, dict[str, str]] = {
    "en": {
        "table": "The model's dimensions are those of {model} in the clinic's own table; the Hub was not asked.",
        "unknown-type": "The closed form takes a {type} for a model built like Llama.",
        "prompt-assumed": "The longest prompt is taken to be {tokens} tokens; name it with --prompt N.",
        "length-is-limit": "The longest row is taken to be as long as max_length allows, {tokens} tokens; if the data's longest is "
        "shorter, name it with --longest N.",
        "beyond-context": "{tokens} tokens are more than the {positions} positions of the model.",
        "reward-unknown": "The reward model {name} is not known here; it is not counted.",
        "weights-alone": "The weights alone are larger than the device.",
    },
    "zh": {
        "table": "模型的尺寸取自诊所自己的表（{model}），没有查询 Hub。",
        "unknown-type": "闭式公式把 {type} 当作 Llama 结构的模型。",
        "prompt-assumed": "假定最长的提示为 {tokens} 个词元；可用 --prompt N 指定。",
        "length-is-limit": "假定最长的行达到 max_length 允许的 {tokens} 个词元；若数据更短，可用 --longest N 指定。",
        "beyond-context": "{tokens} 个词元超过了模型的 {positions} 个位置。",
        "reward-unknown": "这里不认识奖励模型 {name}，未计入。",
        "weights-alone": "仅权重就大于设备显存。",
    },
}
# What happened, by the kind of the crash; `-bare` where the sizes that its sentence names are not known.
CRASHES: dict[Lang, dict[str, str]] = {
    "en": {
        "shortage": "The training needs more than the device has: {needed} were needed, of {total}.",
        "fragmentation": "There was enough memory, in pieces: {unallocated} lay reserved but unused when {asked} were asked for. "
        "Set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True; another config is not needed.",
        "leak": "Memory rose from step to step, by {growth} a step: something is kept that should be let go (metrics with their "
        "graphs, outputs put in a list). A smaller batch only makes it die later.",
        "neighbour": "Another process holds {others} of the device; without it there would have been room.",
        "vllm": "vLLM's share of {vllm} and the training do not go together on one device.",
        "host": "Main memory ran out, not a device's: about {needed} were needed, of {total}.",
        "shm": "Shared memory ran out: the data loaders hold about {needed} in /dev/shm, of {total}.",
        "longer-batch": "A batch was longer than the one estimated: at {length} tokens a row the estimate would be what was allocated.",
        "shortage-bare": "The training needs more than the device has.",
        "vllm-bare": "vLLM and the training do not go together on one device.",
        "longer-batch-bare": "A batch was longer than the one estimated.",
        "host-bare": "Main memory ran out, not a device's.",
        "shm-bare": "Shared memory ran out (/dev/shm), through which data loaders and processes hand over their tensors.",
    },
    "zh": {
        "shortage": "训练需要的显存超过设备：需要 {needed}，设备共有 {total}。",
        "fragmentation": "显存总量足够，但是碎片化：请求 {asked} 时，有 {unallocated} 已保留却未使用。"
        "请设置 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True；不需要更改配置。",
        "leak": "显存逐步上升，每步 {growth}：有本应释放的东西被保留（带计算图的指标、放进列表的输出）。减小批大小只会推迟崩溃。",
        "neighbour": "另一个进程占用了设备的 {others}；没有它本来够用。",
        "vllm": "vLLM 的份额 {vllm} 与训练无法同处一个设备。",
        "host": "耗尽的是主机内存，不是显存：约需 {needed}，共有 {total}。",
        "shm": "共享内存耗尽：数据加载进程在 /dev/shm 中约占 {needed}，共有 {total}。",
        "longer-batch": "有一批比估计的更长：每行 {length} 个词元时，估计值才与实际分配相符。",
        "shortage-bare": "训练需要的显存超过设备。",
        "vllm-bare": "vLLM 与训练无法同处一个设备。",
        "longer-batch-bare": "有一批比估计的更长。",
        "host-bare": "耗尽的是主机内存，不是显存。",
        "shm-bare": "共享内存（/dev/shm）耗尽，数据加载进程与各进程通过它传递张量。",
    },
}
# Where it ran out, for findings whose own sentence does not say.
PHASES: dict[Lang, dict[str, str]] = {
    "en": {
        "at-load": "It ran out while the model was loaded.",
        "at-forward": "It ran out in the forward pass.",
        "at-logits": "It ran out where the scores over the whole vocabulary are computed.",
        "at-backward": "It ran out in the backward pass.",
        "at-optimizer": "It ran out in the optimizer's step.",
        "at-generation": "It ran out while answers were generated.",
        "at-evaluation": "It ran out in the evaluation.",
        "at-save": "It ran out while the model was saved.",
    },
    "zh": {
        "at-load": "发生在载入模型时。",
        "at-forward": "发生在前向传播。",
        "at-logits": "发生在计算整个词表的得分时。",
        "at-backward": "发生在反向传播。",
        "at-optimizer": "发生在优化器更新时。",
        "at-generation": "发生在生成回答时。",
        "at-evaluation": "发生在评估时。",
        "at-save": "发生在保存模型时。",
    },
}
