"""Consoles as people paste them into reports: short, cut off, of many libraries; and healthy ones that speak of errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.engine import diagnose
from diagnostics.run import open_run

NAMED = {
    "hostoom-win": ("out-of-host-memory", 'OSError: The paging file is too small for this operation to complete. (os error 1455)\n'),
    "training_step": ("argument-renamed", '  File "/content/x.py", line 3736, in _inner_training_loop\n    tr_loss_step = self.training_step(model, inputs, num_items_in_batch)\nTypeError: CustomTrainer.training_step() takes 3 positional arguments but 4 were given\n'),
    "grpo-log": ("argument-renamed", 'TypeError: MyGRPOTrainer.log() takes from 2 to 2 positional arguments but 3 were given\n'),
    "versions-cudnn": ("version-conflict", 'Could not load library libcudnn_cnn_infer.so.8. Error: libcuda.so: cannot open shared object file: No such file or directory\nPlease make sure libcudnn_cnn_infer.so.8 is in your library path!\nAborted (core dumped)\n'),
    "reward-inline": ("reward-raises", '[rank0]:   File "/opt/conda/lib/python3.11/site-packages/trl/trainer/grpo_trainer.py", line 736, in _generate_and_score_completions\n[rank0]:     output_reward_func = reward_func(prompts=prompts, completions=completions, **reward_kwargs)\n[rank0]:   File "/w/open-r1/src/open_r1/rewards.py", line 47, in accuracy_reward\n[rank0]:     answer_parsed = parse(content)\n[rank0]: AttributeError: \'list\' object has no attribute \'strip\'\n'),
    "reward-signature": ("reward-raises", '  File "/x/site-packages/trl/trainer/grpo_trainer.py", line 1012, in _calculate_rewards\n    output_reward_func = reward_func(\nTypeError: format_reward() got an unexpected keyword argument \'trainer_state\'\n'),
    "reward-signature2": ("reward-raises", '  File "/x/site-packages/trl/trainer/grpo_trainer.py", line 1012, in _calculate_rewards\n    output_reward_func = reward_func(\n                         ^^^^^^^^^^^^\nTypeError: my_reward() missing 1 required positional argument: \'answer\'\n'),
    "ds-scale": ("loss-not-finite", 'Exception: Current loss scale already at minimum - cannot decrease scale anymore. Exiting run.\n'),
    "hf-timeout": ("source-unavailable", 'requests.exceptions.ReadTimeout: (ReadTimeoutError("HTTPSConnectionPool(host=\'huggingface.co\', port=443): Read timed out. (read timeout=10)"), \'(Request ID: 1c)\')\n'),
    "tok-fast": ("version-conflict", 'Exception: data did not match any variant of untagged enum ModelWrapper at line 757371 column 3\n'),
    "tok-conv": ("version-conflict", "ValueError: Couldn't instantiate the backend tokenizer from one of: (1) a `tokenizers` library serialization file, (2) a slow tokenizer instance to convert or (3) an equivalent slow tokenizer class to instantiate and convert. You need to have sentencepiece installed to convert a slow tokenizer to a fast one.\n"),
    "tiktoken": ("version-conflict", 'ValueError: Converting from SentencePiece and Tiktoken failed, if a converter for SentencePiece is available, provide a model path with a SentencePiece tokenizer.model file.\n'),
    "rope": ("version-conflict", "ValueError: `rope_scaling` must be a dictionary with two fields, `type` and `factor`, got {'factor': 8.0, 'high_freq_factor': 4.0, 'low_freq_factor': 1.0, 'original_max_position_embeddings': 8192, 'rope_type': 'llama3'}\n"),
    "deepspeed-cpuadam": ("version-conflict", "AttributeError: 'DeepSpeedCPUAdam' object has no attribute 'ds_opt_adam'\n"),
    "ninja": ("version-conflict", 'RuntimeError: Ninja is required to load C++ extensions\n'),
    "fused-adam": ("version-conflict", "RuntimeError: Error building extension 'fused_adam': [1/3] /usr/local/cuda/bin/nvcc --generate-dependencies-with-compile\n"),
    "triton-gcc": ("version-conflict", 'RuntimeError: Failed to find C compiler. Please specify via CC environment variable.\n'),
    "z3-empty-gen": ("weights-not-gathered", 'RuntimeError: The expanded size of the tensor (4096) must match the existing size (0) at non-singleton dimension 0.\n'),
    "z3-ref": ("weights-not-gathered", 'RuntimeError: weight should have at least three dimensions\n'),
    "z3-shape": ("weights-not-gathered", "AssertionError: {'id': 1, 'status': 'NOT_AVAILABLE', 'numel': 0, 'ds_numel': 0, 'shape': (0,), 'ds_shape': (0,), 'requires_grad': True}\n"),
    "str-list": ("wrong-columns", '  File "/x/site-packages/trl/data_utils.py", line 220, in apply_chat_template\n    for message in example["messages"]:\nTypeError: string indices must be integers\n'),
    "int-concat": ("wrong-columns", '  File "/x/site-packages/trl/data_utils.py", line 300, in <lambda>\n    example["prompt"] + example["completion"]\nTypeError: can only concatenate str (not "NoneType") to str\n'),
    "padding-batch": ("wrong-columns", 'ValueError: expected sequence of length 412 at dim 1 (got 280)\n'),
    "killed-zh": ("out-of-host-memory", '加载模型到一半，进程直接被杀掉了：\nLoading checkpoint shards:  50%|█████     | 2/4 [00:31<00:31, 15.7s/it]\n已杀死\n'),
    "sigsegv": ("run-died", "subprocess.CalledProcessError: Command '['/usr/bin/python3', 'train.py']' died with <Signals.SIGSEGV: 11>.\n"),
    "sighup": ("run-died", 'W0101 10:00:00.1 88 torch/distributed/elastic/agent/server/api.py:704] Received Signals.SIGHUP death signal, shutting down workers\ntorch.distributed.elastic.multiprocessing.api.SignalException: Process 88 got signal: 1\n'),
    "gpu-lost": ("run-died", 'Unable to determine the device handle for GPU 0000:C1:00.0: GPU is lost.  Reboot the system to recover this GPU\n'),
    "nccl-inval": ("run-died", 'torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.hpp:317, invalid usage (run with NCCL_DEBUG=WARN for details), NCCL version 2.21.5\nncclInvalidUsage: This usually reflects invalid usage of NCCL library.\nLast error:\nDuplicate GPU detected : rank 1 and rank 0 both on CUDA device 1a000\n'),
    "swift-args": ("argument-renamed", "ValueError: remaining_argv: ['--sft_type', 'lora']\n"),
    "lf-ds": ("source-unavailable", 'ValueError: Undefined dataset my_data in dataset_info.json.\n'),
    "p1": ("out-of-memory", 'I keep getting OOM errors when training Qwen2.5-14B with DPO on 4xA100 80GB, the reference model does not fit. How much GPU memory do I need?\n'),
    "p2": ("out-of-memory", '显存不足，单卡 24G 训练 7B 的 GRPO 一直爆显存，请问怎么设置？\n'),
    "p7": ("collective-timeout", 'Training hangs at the end of the first epoch with 8 GPUs and after 30 minutes NCCL timeout error.\n'),
    "dpo-peft-ref": ("options-contradict", 'ValueError: You passed both a ref_model and a peft_config. For training PEFT adapters with DPO there is no need to pass a reference model. Please pass `ref_model=None` in case you want to train PEFT adapters.\n'),
    "packing": ("options-contradict", 'ValueError: Packing is not supported in the iterable dataset mode\n'),
    "z3-quant": ("options-contradict", 'ValueError: DeepSpeed Zero-3 is not compatible with `low_cpu_mem_usage=True` or with passing a `device_map`.\n'),
    "only-childfailed": ("run-died", 'E0101 10:00:00.123 99 torch/distributed/elastic/multiprocessing/api.py:869] failed (exitcode: 1) local_rank: 0 (pid: 101) of binary: /usr/bin/python3\nTraceback (most recent call last):\n  File "/usr/local/bin/torchrun", line 8, in <module>\n    sys.exit(main())\ntorch.distributed.elastic.multiprocessing.errors.ChildFailedError:\n============================================================\ngrpo.py FAILED\n'),
}  # fmt: skip
QUIET = {
    "table": "{'loss': 0.01, 'grad_norm': 0.31, 'reward': 0.3, 'reward_std': 0.2, 'kl': 0.0, 'epoch': 0.0}\n╭──────────────────────────── Step 3 ─────────────────────────────╮\n│ ┏━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┓ │\n│ ┃ Prompt    ┃ Completion                           ┃ accuracy   ┃ │\n│ ┡━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━┩ │\n│ │ Fix this  │ You see RuntimeError: CUDA error:    │       0.00 │ │\n│ │ code      │ device-side assert triggered and     │            │ │\n│ │           │ No space left on device              │            │ │\n│ │           │ Traceback (most recent call last)    │            │ │\n│ │           │ KeyError: 'text'                     │            │ │\n│ └───────────┴──────────────────────────────────────┴────────────┘ │\n╰──────────────────────────────────────────────────────────────────╯\n",
    "ok-print-error-last": "{'loss': 0.52, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.1}\n{'loss': 0.51, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.2}\nSaving model checkpoint to out/checkpoint-2\nPrompt: what does KeyError mean?\nCompletion: KeyError: 'text' means the key is missing. RuntimeError: CUDA out of memory means the GPU is full.\n",
    "ok-retry": '\'(ReadTimeoutError("HTTPSConnectionPool(host=\'huggingface.co\', port=443): Read timed out. (read timeout=10)"), \'(Request ID: a)\')\' thrown while requesting HEAD https://huggingface.co/Qwen/Qwen3-0.6B/resolve/main/config.json\nRetrying in 1s [Retry 1/5].\nConnection reset by peer, retrying\n{\'loss\': 0.69, \'grad_norm\': 1.2, \'learning_rate\': 1e-05, \'epoch\': 0.1}\n',
    "ok-code-data": "Sample 0: {'prompt': 'Why do I get KeyError: text?', 'completion': 'ValueError: Attempting to unscale FP16 gradients means ...'}\nSample 1: {'prompt': 'torch.cuda.OutOfMemoryError: CUDA out of memory', 'completion': 'lower the batch'}\n{'loss': 1.1, 'grad_norm': 0.8, 'learning_rate': 5e-05, 'epoch': 0.5}\n",
    "ok-retry-vllm": 'INFO:trl.extras.vllm_client:Server is not up yet: ConnectionError(MaxRetryError("HTTPConnectionPool(host=\'0.0.0.0\', port=8000): Max retries exceeded with url: /health/ (Caused by NewConnectionError(\'<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused\'))")). Retrying in 2.0 seconds...\nINFO:trl.extras.vllm_client:Server is up!\n{\'loss\': 0.01, \'grad_norm\': 0.31, \'reward\': 0.3, \'reward_std\': 0.2, \'kl\': 0.0, \'epoch\': 0.0}\n',
    "ok-nccl-info": "node:1:1 [0] NCCL INFO Bootstrap : Using eth0:10.0.0.1<0>\nnode:1:1 [0] NCCL INFO NET/Plugin: Failed to find ncclNetPlugin_v8 symbol.\nnode:1:1 [0] NCCL INFO NET/IB : No device found.\nnode:1:1 [0] NCCL INFO cudaDriverVersion 12040\nnode:1:1 [0] NCCL INFO NET/Plugin : dlerror=libnccl-net.so: cannot open shared object file: No such file or directory No plugin found (libnccl-net.so), using internal implementation\n{'loss': 0.5, 'grad_norm': 0.31, 'epoch': 0.1}\n",
    "ok-optional-import": "WARNING: apex not installed: No module named 'apex'\nCould not import flash_attn: No module named 'flash_attn', using sdpa\nINFO | unsloth: failed to import vllm: undefined symbol: _ZN3c10 - vllm will not be used\n{'loss': 0.5, 'grad_norm': 0.31, 'epoch': 0.1}\n{'loss': 0.4, 'grad_norm': 0.31, 'epoch': 0.2}\n",
    "ok-ds-oom-hint": "[2025-01-01] [WARNING] Setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid CUDA out of memory\nUsing auto_find_batch_size: on CUDA out of memory the batch size is halved\n{'loss': 0.5, 'grad_norm': 0.31, 'epoch': 0.1}\n",
    "ok-caught-oom": "Step 12: CUDA out of memory caught, skipping batch\n{'loss': 0.5, 'grad_norm': 0.31, 'epoch': 0.1}\n{'loss': 0.5, 'grad_norm': 0.31, 'epoch': 0.2}\n{'train_runtime': 120.5, 'train_loss': 0.5, 'epoch': 3.0}\n",
    "ok-tests": "Running sanity check... no NaN found, no errors\nloss is not nan: True\n{'loss': 0.9, 'grad_norm': 1.0, 'epoch': 0.1}\n{'loss': 0.8, 'grad_norm': 1.0, 'epoch': 0.2}\n",
    "ok-exception-reward": 'Reward parse failed: Exception: could not parse answer\nError in reward function: KeyError: \'answer\'\naccuracy reward error: list index out of range\n{\'loss\': 0.01, \'grad_norm\': 0.31, \'reward\': 0.3, \'reward_std\': 0.2, \'kl\': 0.0, \'epoch\': 0.0}\n{\'loss\': 0.01, \'grad_norm\': 0.31, \'reward\': 0.35, \'reward_std\': 0.2, \'kl\': 0.0, \'epoch\': 0.1}\nTraceback (most recent call last):\n  File "/w/rewards.py", line 12, in parse\n    json.loads(x)\njson.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)\nreward set to 0\n{\'loss\': 0.01, \'grad_norm\': 0.31, \'reward\': 0.36, \'reward_std\': 0.2, \'kl\': 0.0, \'epoch\': 0.2}\n{\'loss\': 0.01, \'grad_norm\': 0.31, \'reward\': 0.36, \'reward_std\': 0.2, \'kl\': 0.0, \'epoch\': 0.3}\n{\'loss\': 0.01, \'grad_norm\': 0.31, \'reward\': 0.37, \'reward_std\': 0.2, \'kl\': 0.0, \'epoch\': 0.4}\n',
    "ok-wandb": "wandb: ERROR Failed to detect the name of this notebook. You can set it manually with the WANDB_NOTEBOOK_NAME environment variable to enable code saving.\nwandb: WARNING Path /wandb wasn't writable, using system temp directory.\nCould not estimate the number of tokens of the input, floating-point operations will not be computed\n{'loss': 0.9, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.1}\n{'loss': 0.8, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.2}\n",
    "ok-swallowed": 'Exception ignored in: <function _ConnectionBase.__del__ at 0x7f>\nTraceback (most recent call last):\n  File "/usr/lib/python3.10/multiprocessing/connection.py", line 132, in __del__\n    self._close()\nOSError: [Errno 9] Bad file descriptor\n{\'train_runtime\': 12.5, \'train_loss\': 0.7, \'epoch\': 3.0}\n',
    "ok-tf": '2025-02-01 10:00:00.123456: E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:9261] Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has already been registered\n2025-02-01 10:00:01.999999: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT\nLoading checkpoint shards: 100%|██████████| 4/4 [00:04<00:00,  1.1s/it]\ntrainable params: 41,943,040 || all params: 8,072,204,288 || trainable%: 0.5196\n  0%|          | 1/500 [00:05<46:11,  5.55s/it]\n',
    "ok-warnings": "/opt/x/site-packages/torch/utils/checkpoint.py:429: UserWarning: torch.utils.checkpoint: please pass in use_reentrant=True or use_reentrant=False explicitly.\nFutureWarning: `tokenizer` is deprecated and will be removed in version 5.0.0 for `SFTTrainer.__init__`. Use `processing_class` instead.\nSetting `pad_token_id` to `eos_token_id`:151643 for open-end generation.\nSliding Window Attention is enabled but not implemented for `sdpa`; unexpected results may be encountered.\nThe tokenizer has new PAD/BOS/EOS tokens that differ from the model config and generation config. The model config and generation config were aligned accordingly, being updated with the tokenizer's values. Updated tokens: {'bos_token_id': None}.\n[W socket.cpp:663] [c10d] The client socket has failed to connect to [localhost]:29500 (errno: 99 - Cannot assign requested address).\nhuggingface/tokenizers: The current process just got forked, after parallelism has already been used. Disabling parallelism to avoid deadlocks...\n{'loss': 1.52, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.1}\n{'loss': 1.42, 'grad_norm': 1.1, 'learning_rate': 0.9e-05, 'epoch': 0.2}\n{'loss': 1.32, 'grad_norm': 1.0, 'learning_rate': 0.8e-05, 'epoch': 0.3}\n{'train_runtime': 100.0, 'train_samples_per_second': 3.2, 'train_steps_per_second': 0.2, 'train_loss': 1.42, 'epoch': 1.0}\n",
}  # fmt: skip


def said(folder: Path, text: str) -> list[str]:
    """The rules that a text is told by."""
    path = folder / "console.txt"
    path.write_text(text, encoding="utf-8")
    return [one.rule for one in diagnose(open_run(path)).findings if one.severity != "info"]


@pytest.mark.parametrize("name", NAMED)
def test_a_pasted_console_is_told_by_its_cause(name: str, tmp_path: Path) -> None:
    rule, text = NAMED[name]
    assert said(tmp_path, text) == [rule]


@pytest.mark.parametrize("name", QUIET)
def test_a_healthy_console_that_speaks_of_errors_is_left_alone(name: str, tmp_path: Path) -> None:
    assert said(tmp_path, QUIET[name]) == []


def test_a_sentence_of_no_exception_is_dropped_once_a_row_follows(tmp_path: Path) -> None:
    line = "CUDA out of memory\n"
    row = "{'loss': 0.5, 'grad_norm': 0.31, 'learning_rate': 1e-05, 'epoch': 0.1}\n"
    assert said(tmp_path, row + line) == ["out-of-memory"]
    assert said(tmp_path, line + row) == []


def test_a_surer_sentence_of_another_fault_does_not_displace_the_first(tmp_path: Path) -> None:
    text = "IndexError: index out of range in self\nOSError: [Errno 28] No space left on device\n"
    assert said(tmp_path, text) == ["embedding-too-small"]


def test_what_trl_itself_raises_at_the_call_is_no_fault_of_the_reward(tmp_path: Path) -> None:
    frames = (
        'Traceback (most recent call last):\n  File "/x/site-packages/trl/trainer/grpo_trainer.py", line 9, in _prepare_inputs\n'
        "    output = reward_func(prompts=prompts)\n"
    )
    assert said(tmp_path, frames + "RuntimeError: nothing known\n") == ["run-died"]
