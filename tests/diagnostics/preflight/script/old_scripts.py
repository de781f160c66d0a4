"""Training scripts as they were written for TRL 0.7 to 0.28, for the kept base model and a few rows; by name."""

PAIRS = '[{"prompt": "hello", "chosen": " good day", "rejected": " no"}] * 8'

SFT_COLLATOR_0_7 = """
import os

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainingArguments

from trl import DataCollatorForCompletionOnlyLM, SFTTrainer

dataset = Dataset.from_list([{"instruction": "say hello", "output": "hello"}] * 8)
model = AutoModelForCausalLM.from_pretrained(os.environ["MODEL"])
tokenizer = AutoTokenizer.from_pretrained(os.environ["MODEL"])


def formatting_prompts_func(example):
    output_texts = []
    for i in range(len(example["instruction"])):
        text = f"question: {example['instruction'][i]} answer: {example['output'][i]}"
        output_texts.append(text)
    return output_texts


response_template = " answer:"
collator = DataCollatorForCompletionOnlyLM(response_template, tokenizer=tokenizer)  # trains on the answer only

training_args = TrainingArguments(
    output_dir=os.environ["OUT"],
    max_steps=2,
    per_device_train_batch_size=2,
    evaluation_strategy="no",  # no rows to spare
    warmup_ratio=0.03,
    logging_dir="./logs",
    overwrite_output_dir=True,
    no_cuda=True,
    report_to="none",
    save_strategy="no",
)

trainer = SFTTrainer(
    model,
    args=training_args,
    train_dataset=dataset,
    tokenizer=tokenizer,
    formatting_func=formatting_prompts_func,
    data_collator=collator,
    max_seq_length=64,
)
trainer.train()
assert trainer.state.global_step == 2
assert set(trainer.train_dataset.column_names) >= {"input_ids", "completion_mask"} or "labels" in trainer.train_dataset.column_names
"""

SFT_PACKING_PEFT_0_8 = """
import os

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, TrainingArguments
from trl import SFTTrainer

dataset = Dataset.from_dict({"text": ["a text to learn from"] * 16})
max_seq_length = 32
peft_config = LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", target_modules="all-linear")
args = TrainingArguments(
    output_dir=os.environ["OUT"], max_steps=1, per_device_train_batch_size=2, optim="adamw_torch",
    lr_scheduler_type="constant", group_by_length=True, no_cuda=True, report_to="none", save_strategy="no")

trainer = SFTTrainer(
    model=os.environ["MODEL"],
    train_dataset=dataset,
    peft_config=peft_config,
    dataset_text_field="text",
    max_seq_length=max_seq_length,
    args=args,
    packing=True,
    num_of_sequences=8,
    chars_per_token=3.6,
    dataset_num_proc=1,
    model_init_kwargs={"torch_dtype": torch.float32})
trainer.train()
assert trainer.args.max_length == 32 and trainer.args.packing and trainer.args.train_sampling_strategy == "group_by_length"
"""

# Four-bit weights need a package and a device that a test machine has not: it is read only.
SFT_QLORA_0_9 = """
import torch
from datasets import load_dataset
from peft import LoraConfig, prepare_model_for_int8_training
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer, get_kbit_device_map

model = AutoModelForCausalLM.from_pretrained("some/model", load_in_4bit=True, use_flash_attention_2=True, use_auth_token=True)
model = prepare_model_for_int8_training(model)
args = SFTConfig("out", max_seq_length=512, dataset_text_field="text", use_liger=True, warmup_ratio=0.1, warmup_steps=0)
trainer = SFTTrainer(model, args, train_dataset=load_dataset("imdb", split="train"), tokenizer=AutoTokenizer.from_pretrained("some/model"),
                     peft_config=LoraConfig(r=16))
trainer.train()
"""

DPO_0_7 = f"""
import os

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainingArguments
from trl import DPOTrainer

model = AutoModelForCausalLM.from_pretrained(os.environ["MODEL"])
model_ref = AutoModelForCausalLM.from_pretrained(os.environ["MODEL"])
tokenizer = AutoTokenizer.from_pretrained(os.environ["MODEL"])
train_dataset = Dataset.from_list({PAIRS})


def main():
    training_args = TrainingArguments(
        per_device_train_batch_size=2,
        max_steps=2,
        remove_unused_columns=False,
        learning_rate=1e-4,
        evaluation_strategy="steps",
        eval_steps=2,
        output_dir=os.environ["OUT"],
        use_cpu=True,
        report_to="none",
        save_strategy="no",
    )
    dpo_trainer = DPOTrainer(
        model,
        model_ref,
        args=training_args,
        beta=0.3,
        train_dataset=train_dataset,
        eval_dataset=train_dataset,
        tokenizer=tokenizer,
        max_length=48,
        max_target_length=24,
        max_prompt_length=24,
        generate_during_eval=False,
    )
    dpo_trainer.train()
    assert dpo_trainer.args.beta == 0.3 and dpo_trainer.args.max_length == 48


main()
"""

DPO_0_24 = f"""
import os
from datasets import Dataset
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer

alpha = 0.5
kwargs = dict(use_cpu=True, max_prompt_length=16, save_strategy="no")
args = DPOConfig(
    output_dir=os.environ["OUT"],
    rpo_alpha=alpha,  # the loss of the chosen answer too
    loss_type="hinge",
    max_length=32,
    label_pad_token_id=-100,
    max_steps=1,
    per_device_train_batch_size=2,
    **kwargs,
)
trainer = DPOTrainer(model=os.environ["MODEL"], args=args, train_dataset=Dataset.from_list({PAIRS}),
                     processing_class=AutoTokenizer.from_pretrained(os.environ["MODEL"]))
trainer.train()
assert trainer.args.loss_type == ["hinge", "sft"] and trainer.args.loss_weights == [1.0, 0.5]
"""

REWARD_0_11 = f"""
import os
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
import trl

tokenizer = AutoTokenizer.from_pretrained(os.environ["MODEL"])
model = AutoModelForSequenceClassification.from_pretrained(os.environ["MODEL"], num_labels=1)
model.config.pad_token_id = tokenizer.pad_token_id
dataset = Dataset.from_list({PAIRS}).remove_columns("prompt")
config = trl.RewardConfig(output_dir=os.environ["OUT"], max_length=64, max_steps=1, evaluation_strategy="steps", eval_steps=1,
                          no_cuda=True, report_to=[], save_strategy="no", per_device_train_batch_size=2, logging_dir="x")
trainer = trl.RewardTrainer(model=model, tokenizer=tokenizer, args=config, train_dataset=dataset, eval_dataset=dataset)
trainer.train()
"""

KTO_0_28 = """
import os
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.experimental.kto import KTOConfig, KTOTrainer

rows = [{"prompt": "hello", "completion": " good day", "label": True}, {"prompt": "hello", "completion": " no", "label": False}]
args = KTOConfig(output_dir=os.environ["OUT"], max_prompt_length=16, max_length=32, max_steps=1, use_cpu=True,
                 per_device_train_batch_size=2, save_strategy="no", warmup_ratio=0.1)
trainer = KTOTrainer(
    model=AutoModelForCausalLM.from_pretrained(os.environ["MODEL"]),
    args=args, train_dataset=Dataset.from_list(rows * 4), processing_class=AutoTokenizer.from_pretrained(os.environ["MODEL"]),
)
trainer.train()
"""

GRPO_0_17 = """
import os
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

dataset = Dataset.from_list([{"prompt": "hello", "answer": "good day"}] * 8)


def reward_len(completions, answer):
    return [-abs(8.0 - len(completion)) for completion in completions]


training_args = GRPOConfig(
    output_dir=os.environ["OUT"],
    num_generations=2,
    max_prompt_length=32,
    max_completion_length=8,
    per_device_train_batch_size=2,
    use_vllm=False,
    vllm_device="auto",
    vllm_max_model_len=512,
    vllm_guided_decoding_regex=None,
    use_liger_loss=False,
    wandb_log_unique_prompts=True,
    max_steps=1,
    use_cpu=True,
    save_strategy="no",
)
trainer = GRPOTrainer(
    model=os.environ["MODEL"],
    reward_funcs=reward_len,
    args=training_args,
    train_dataset=dataset,
)
trainer.train()
assert trainer.args.log_unique_prompts
"""

ARGPARSE_0_9 = """
import os
import sys
from dataclasses import dataclass, field
from typing import Optional

from datasets import Dataset
from transformers import AutoTokenizer, HfArgumentParser, TrainingArguments
from trl import SFTTrainer

sys.argv = ["train.py", "--output_dir", os.environ["OUT"], "--max_steps", "1", "--use_cpu", "True", "--save_strategy", "no"]


@dataclass
class ScriptArguments:
    model_name: Optional[str] = field(default=os.environ["MODEL"])
    max_seq_length: Optional[int] = field(default=24)


parser = HfArgumentParser((ScriptArguments, TrainingArguments))
script_args, training_args = parser.parse_args_into_dataclasses()
training_args.evaluation_strategy = "no"
trainer = SFTTrainer(
    model=script_args.model_name,
    args=training_args,
    max_seq_length=script_args.max_seq_length,
    train_dataset=Dataset.from_dict({"text": ["a text to learn from"] * 8}),
    dataset_text_field="text",
    tokenizer=AutoTokenizer.from_pretrained(script_args.model_name),
)
trainer.train()
assert trainer.args.max_length == 24
"""

SFT_BARE_0_12 = """
import os
from datasets import Dataset
from trl import SFTTrainer

trainer = SFTTrainer(os.environ["MODEL"], train_dataset=Dataset.from_dict({"text": ["a text"] * 4}), dataset_text_field="text",
                     max_seq_length=32)
"""

SFT_0_20 = """
import os
from datasets import Dataset
from trl import SFTConfig as Config
from trl import SFTTrainer as Trainer

options = {
    "max_length": 32,
    "warmup_ratio": 0.1,
    "logging_dir": "logs",  # beside the run
    "max_steps": 1,
    "use_cpu": True,
    "save_strategy": "no",
    "save_safetensors": True,
}
args = Config(output_dir=os.environ["OUT"], packing=True, **options)
Trainer(os.environ["MODEL"], args, train_dataset=Dataset.from_dict({"text": ["a text to learn from"] * 16})).train()
"""

RLOO_0_12 = """
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import RLOOConfig, RLOOTrainer

config = RLOOConfig(output_dir="out", rloo_k=4, kl_coef=0.03, cliprange=0.2, response_length=53, total_episodes=1000,
                    num_mini_batches=1, missing_eos_penalty=1.0)
trainer = RLOOTrainer(config=config, processing_class=AutoTokenizer.from_pretrained("m"),
                      policy=AutoModelForCausalLM.from_pretrained("m"), ref_policy=AutoModelForCausalLM.from_pretrained("m"),
                      reward_model=AutoModelForSequenceClassification.from_pretrained("r"), train_dataset=dataset)
trainer.train()
"""

PPO_0_7 = """
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer
from trl.core import LengthSampler

config = PPOConfig(model_name="gpt2", learning_rate=1.41e-5, log_with="wandb", mini_batch_size=4, ppo_epochs=4)
model = AutoModelForCausalLMWithValueHead.from_pretrained(config.model_name)
ppo_trainer = PPOTrainer(config, model, None, tokenizer, dataset=dataset, data_collator=collator)
for batch in ppo_trainer.dataloader:
    response = ppo_trainer.generate(batch["input_ids"])
    ppo_trainer.step(batch["input_ids"], response, rewards)
"""

SFT_CUSTOM_0_11 = """
import os

from datasets import Dataset
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, TrainerCallback
from trl import SFTConfig, SFTTrainer

tokenizer = AutoTokenizer.from_pretrained(os.environ["MODEL"])
seen = []


class Saver(TrainerCallback):
    def on_train_end(self, args, state, control, tokenizer, **kwargs):
        seen.append(tokenizer.eos_token)


class WeightedTrainer(SFTTrainer):
    def compute_loss(self, model, inputs, return_outputs=False):
        seen.append("loss")
        return super().compute_loss(model, inputs, return_outputs)

    def log(self, logs):
        seen.append("log")
        super().log(logs)


class Experiment:
    def __init__(self):
        self.trainer = None

    def run(self):
        args = SFTConfig(output_dir=os.environ["OUT"], max_steps=1, use_cpu=True, save_strategy="no", max_seq_length=32)
        self.trainer = WeightedTrainer(
            os.environ["MODEL"], args=args, train_dataset=Dataset.from_dict({"text": ["a text", "a longer text"] * 4}),
            tokenizer=tokenizer, callbacks=[Saver()], data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False))
        self.trainer.train()


Experiment().run()
assert {"loss", "log", tokenizer.eos_token} <= set(seen)
trainer = SFTTrainer(os.environ["MODEL"], SFTConfig(os.environ["OUT"], use_cpu=True),
                     train_dataset=Dataset.from_dict({"text": ["a"] * 2}))
assert trainer.tokenizer.eos_token == tokenizer.eos_token
"""

# Those that become scripts that start and train.
STARTING = {
    "sft-collator-0.7": SFT_COLLATOR_0_7,
    "sft-packing-peft-0.8": SFT_PACKING_PEFT_0_8,
    "dpo-0.7": DPO_0_7,
    "dpo-0.24": DPO_0_24,
    "reward-0.11": REWARD_0_11,
    "kto-0.28": KTO_0_28,
    "grpo-0.17": GRPO_0_17,
    "argparse-0.9": ARGPARSE_0_9,
    "sft-0.20": SFT_0_20,
    "sft-custom-0.11": SFT_CUSTOM_0_11,
}
# Those whose libraries, devices or methods are not to be had here.
READ_ONLY = {"sft-qlora-0.9": SFT_QLORA_0_9, "sft-bare-0.12": SFT_BARE_0_12, "rloo-0.12": RLOO_0_12, "ppo-0.7": PPO_0_7}
