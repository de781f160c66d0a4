"""Consoles of runs that died, made up around the exact sentences of libraries: what each is to be told as."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One console: its name, what it holds, the rule and the kind that name its cause."""

    name: str
    text: str
    rule: str
    kind: str


SITE = "/opt/venv/lib/python3.11/site-packages"


def frames(*calls: str) -> str:
    """Frames of a traceback, each `file:line function code`; files without a slash are the user's."""
    lines = []
    for call in calls:
        place, function, *code = call.split(" ", 2)
        file, line = place.rsplit(":", 1)
        path = f"{SITE}/{file}" if "/" in file else f"/home/me/{file}"
        lines.append(f'  File "{path}", line {line}, in {function}')
        if code:
            lines.append(f"    {code[0]}")
    return "\n".join(lines)


def crash(*calls: str, end: str) -> str:
    """A whole traceback."""
    return f"Traceback (most recent call last):\n{frames(*calls)}\n{end}\n"


def of_rank(rank: int, text: str) -> str:
    """A text as torchrun prints that of one rank."""
    return "".join(f"[rank{rank}]: {line}\n" for line in text.splitlines())


def rows(*losses: float, start: int = 1) -> str:
    """Rows of a log."""
    return "".join(
        f"{{'loss': {loss}, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': {at / 100}}}\n"
        for at, loss in enumerate(losses, start)
    )


TRAIN = ("train.py:40 <module> trainer.train()", "transformers/trainer.py:2325 train return inner_training_loop(")
LOOP = (*TRAIN, "transformers/trainer.py:2674 _inner_training_loop tr_loss_step = self.training_step(model, inputs)")
STEP = (*LOOP, "transformers/trainer.py:4020 training_step loss = self.compute_loss(model, inputs)")
MAKE = ("train.py:22 <module> trainer = SFTTrainer(", "trl/trainer/sft_trainer.py:700 __init__ super().__init__(")
LOAD = (
    "train.py:9 <module> model = AutoModelForCausalLM.from_pretrained(name)",
    "transformers/models/auto/auto_factory.py:604 from_pretrained return model_class.from_pretrained(",
    "transformers/modeling_utils.py:5048 from_pretrained",
)
OLD = (
    "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity; 6.51 GiB already allocated; "
    "18.06 MiB free; 6.57 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting "
    "max_split_size_mb to avoid fragmentation."
)
NEW = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU 3 has a total capacity of 79.15 GiB of which "
    "1.12 GiB is free. Including non-PyTorch memory, this process has 78.02 GiB memory in use. Of the allocated memory 76.60 GiB "
    "is allocated by PyTorch, and 411.20 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large "
    "try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)
WATCHDOG = (
    "[rank{0}]:[E602 11:17:52.185053341 ProcessGroupNCCL.cpp:632] [Rank {0}] Watchdog caught collective operation timeout: "
    "WorkNCCL(SeqNum=911, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=1800000) ran for 1800041 milliseconds before timing "
    "out.\n"
)
ROOT_CAUSE = """============================================================
train.py FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-03-01_10:00:00
  host      : node1
  rank      : {rank} (local_rank: {rank})
  exitcode  : {code} (pid: 4711)
  error_file: <N/A>
  traceback : {said}
============================================================
"""
SHAPES = "copying a param with shape torch.Size({}) from checkpoint, the shape in current model is torch.Size({})."


def loading(*lines: str) -> str:
    """A crash while a state dict is loaded."""
    end = "RuntimeError: Error(s) in loading state_dict for LlamaForCausalLM:\n" + "\n".join(
        f"\t{line}" for line in lines
    )
    return crash(
        "eval.py:12 <module> model.load_state_dict(state)", "torch/nn/modules/module.py:2624 load_state_dict", end=end
    )


TEXTS: tuple[Text, ...] = (
    # -- memory of the GPU, by phase
    Text("oom-old-forward", crash(*STEP, "transformers/models/llama/modeling_llama.py:210 forward", end=OLD), "out-of-memory", "forward"),
    Text("oom-load", crash(*LOAD, "transformers/modeling_utils.py:980 _load_state_dict_into_meta_model", end=NEW), "out-of-memory", "load"),
    Text("oom-backward", crash(*LOOP, "transformers/trainer.py:4060 training_step self.accelerator.backward(loss)", "accelerate/accelerator.py:2740 backward loss.backward()", "torch/_tensor.py:626 backward", "torch/autograd/graph.py:823 _engine_run_backward", end=NEW), "out-of-memory", "backward"),
    Text("oom-optimizer", crash(*LOOP, "accelerate/optimizer.py:179 step", "torch/optim/adamw.py:220 step adamw(", "torch/optim/adamw.py:606 _multi_tensor_adamw", end=NEW), "out-of-memory", "optimizer"),
    Text("oom-logits", crash(*STEP, "transformers/models/qwen2/modeling_qwen2.py:480 forward loss = self.loss_function(logits=logits, labels=labels)", "transformers/loss/loss_utils.py:60 ForCausalLMLoss logits = logits.float()", end=NEW), "out-of-memory", "logits"),
    Text("oom-logits-grpo", crash(*STEP, "trl/trainer/grpo_trainer.py:990 _get_per_token_logps_and_entropies logps = selective_log_softmax(logits, ids)", "trl/trainer/utils.py:520 selective_log_softmax", end=NEW), "out-of-memory", "logits"),
    Text("oom-generation", crash(*LOOP, "trl/trainer/grpo_trainer.py:1300 _generate_single_turn", "transformers/generation/utils.py:2600 generate", "transformers/generation/utils.py:2800 _sample outputs = self(**model_inputs)", "transformers/models/llama/modeling_llama.py:300 forward", end=NEW), "out-of-memory", "generation"),
    Text("oom-evaluation", crash(*LOOP, "transformers/trainer.py:3200 _maybe_log_save_evaluate", "transformers/trainer.py:4400 evaluation_loop logits = self.gather_function(logits)", "transformers/trainer_pt_utils.py:100 nested_concat", end=NEW), "out-of-memory", "evaluation"),
    Text("oom-evaluation-said", crash(*LOOP, end="RuntimeError: Evaluation hit an out-of-memory error. `auto_find_batch_size` only adjusts the training batch size, reduce `per_device_eval_batch_size` instead."), "out-of-memory", "evaluation"),
    Text("oom-save", crash(*LOOP, "transformers/trainer.py:3300 _save_checkpoint", "deepspeed/runtime/engine.py:3600 _zero3_consolidated_16bit_state_dict", end=NEW), "out-of-memory", "save"),
    Text("oom-vllm", crash("train.py:30 <module> trainer = GRPOTrainer(", "vllm/v1/core/kv_cache_utils.py:560 check_enough_kv_cache_memory", end="ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine."), "out-of-memory", "vllm"),
    Text("oom-vllm-share", "(EngineCore_0 pid=812) ERROR 07-01 12:00:00 [core.py:700] ValueError: Free memory on device (10.2/79.15 GiB) on startup is less than desired GPU memory utilization (0.9, 71.24 GiB).\n" + crash("train.py:30 <module> trainer = GRPOTrainer(", end="RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"), "out-of-memory", "vllm"),
    Text("oom-vllm-length", "ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in KV cache (10832). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.\n", "out-of-memory", "vllm"),
    Text("oom-no-frames", f"  2%|2         | 10/500 [00:29<1:22:01,  2.83s/it]{NEW}\n", "out-of-memory", "unplaced"),
    Text("oom-notebook", "OutOfMemoryError                          Traceback (most recent call last)\nCell In[12], line 3\n      1 trainer = SFTTrainer(model=model, args=args, train_dataset=data)\n----> 3 trainer.train()\nFile /usr/local/lib/python3.11/dist-packages/transformers/trainer.py:2325, in train(self)\n   2324         return inner_training_loop(\n-> 2325             args=args)\nFile /usr/local/lib/python3.11/dist-packages/torch/autograd/graph.py:823, in _engine_run_backward(t_outputs)\n--> 823     return Variable._execution_engine.run_backward(\nOutOfMemoryError: CUDA out of memory. Tried to allocate 1002.00 MiB. GPU 0 has a total capacity of 14.74 GiB of which 722.19 MiB is free.\n", "out-of-memory", "backward"),
    Text("oom-coloured", f"\x1b[31m\x1b[1m2026-03-01 10:00:00,123 - ERROR - __main__ - {NEW}\x1b[0m\n", "out-of-memory", "unplaced"),
    Text("oom-nccl", "[rank2]: torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.hpp:317, unhandled cuda error, NCCL version 2.21.5\n[rank2]: ncclUnhandledCudaError: Call to CUDA function failed.\n[rank2]: Last error:\n[rank2]: Cuda failure 2 'out of memory'\n", "out-of-memory", "unplaced"),
    Text("oom-finder", crash(*LOOP, "accelerate/utils/memory.py:180 decorator", end='RuntimeError: No executable batch size found, reached zero.'), "out-of-memory", "unplaced"),
    Text("oom-dispatched", crash(*LOAD, end="ValueError: Some modules are dispatched on the CPU or the disk. Make sure you have enough GPU RAM to fit the quantized model."), "out-of-memory", "load"),
    # -- several ranks: the first cause, not the loudest
    Text("oom-then-timeouts", rows(2.1, 2.0) + of_rank(3, crash(*LOOP, "torch/autograd/graph.py:823 _engine_run_backward", end=NEW)) + "".join(WATCHDOG.format(rank) for rank in (0, 1, 2, 4, 5, 6, 7)) + ROOT_CAUSE.format(rank=3, code=1, said="To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"), "out-of-memory", "backward"),
    Text("reward-then-timeouts", of_rank(3, crash(*LOOP, "trl/trainer/grpo_trainer.py:1100 _calculate_rewards output = reward_func(prompts=prompts)", "rewards.py:7 accuracy return float(answer)", end="ValueError: could not convert string to float: 'seven'")) + "".join(WATCHDOG.format(rank) for rank in (0, 1, 2)), "reward-raises", "console"),
    Text("interleaved-ranks", of_rank(1, "Traceback (most recent call last):") + of_rank(0, "Traceback (most recent call last):") + of_rank(1, frames(*LOOP)) + of_rank(0, frames(*LOOP)) + of_rank(1, "ValueError: generation_batch_size (6) must be divisible by num_generations (4).") + of_rank(0, "torch.distributed.DistBackendError: NCCL error in: x.cpp:1, remote process exited or there was a network error"), "batch-not-divisible", "generations"),
    Text("killed-then-closed", of_rank(0, crash(*LOOP, end="RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.2]:4711")) + ROOT_CAUSE.format(rank=2, code=-9, said="Signal 9 (SIGKILL) received by PID 4711"), "out-of-host-memory", "signal"),
    Text("root-cause-rank-wins", of_rank(0, "RuntimeError: 'weight' must be 2-D") + of_rank(3, "OSError: [Errno 28] No space left on device") + ROOT_CAUSE.format(rank=3, code=1, said="none"), "disk-full", "full"),
    Text("unknown-then-timeouts", of_rank(2, crash(*LOOP, "model.py:88 forward raise RuntimeError('gate')", end="RuntimeError: gate")) + WATCHDOG.format(0), "run-died", "unknown"),
    # -- the machine
    Text("host-slurm", rows(2.1) + "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=123.0. Some of your processes may have been killed by the cgroup out-of-memory handler.\n", "out-of-host-memory", "killed"),
    Text("host-torchrun", "E0301 10:00:00.000000 140 torch/distributed/elastic/multiprocessing/api.py:869] failed (exitcode: -9) local_rank: 1 (pid: 77) of binary: /opt/venv/bin/python\n", "out-of-host-memory", "signal"),
    Text("host-accelerate", crash("accelerate/commands/launch.py:1002 simple_launcher raise subprocess.CalledProcessError(", end="subprocess.CalledProcessError: Command '['python', 'train.py']' died with <Signals.SIGKILL: 9>."), "out-of-host-memory", "signal"),
    Text("host-bash", rows(2.1) + "./run.sh: line 5: 12345 Killed                  python train.py\n", "out-of-host-memory", "signal"),
    Text("host-allocation", crash("prepare.py:5 <module> table = np.zeros((900000, 40000))", end="numpy._core._exceptions._ArrayMemoryError: Unable to allocate 268. GiB for an array with shape (900000, 40000) and data type float64"), "out-of-host-memory", "allocation"),
    Text("host-cpu-allocator", crash(*LOAD, end="RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 180355072 bytes. Error code 12 (Cannot allocate memory)"), "out-of-host-memory", "allocation"),
    Text("host-logits", crash(*STEP, "transformers/models/gpt2/modeling_gpt2.py:680 forward logits = self.lm_head(hidden_states)", "torch/nn/modules/module.py:1778 _wrapped_call_impl return self._call_impl(*args, **kwargs)", "torch/nn/modules/module.py:1789 _call_impl return forward_call(*args, **kwargs)", "torch/nn/modules/linear.py:134 forward return F.linear(input, self.weight, self.bias)", end="RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 411705344 bytes. Error code 12 (Cannot allocate memory)"), "out-of-host-memory", "allocation"),
    Text("host-worker", crash(*LOOP, end="RuntimeError: DataLoader worker (pid 88) is killed by signal: Killed. "), "out-of-host-memory", "worker"),
    Text("host-map", crash("prepare.py:9 <module> data = data.map(f, num_proc=64)", end="RuntimeError: One of the subprocesses has abruptly died during map operation.To debug the error, disable multiprocessing."), "out-of-host-memory", "worker"),
    Text("shm-bus", "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).\n" + crash(*LOOP, end="RuntimeError: DataLoader worker (pid 1234) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit."), "shared-memory-exhausted", "shm"),
    Text("shm-nccl", "node1:77:88 [0] include/shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device\nnode1:77:88 [0] NCCL WARN Error while creating shared memory segment /dev/shm/nccl-a (size 9637888)\n" + crash(*LOOP, end="torch.distributed.DistBackendError: NCCL error in: x.cpp:1, unhandled system error, ncclSystemError"), "shared-memory-exhausted", "nccl"),
    Text("shm-files", crash(*LOOP, end="OSError: [Errno 24] Too many open files"), "shared-memory-exhausted", "files"),
    Text("disk-full", crash(*LOOP, "safetensors/torch.py:286 save_file", end='safetensors_rust.SafetensorError: Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'), "disk-full", "full"),
    Text("disk-quota", crash(*LOOP, end="OSError: [Errno 122] Disk quota exceeded: '/home/me/out/checkpoint-500'"), "disk-full", "quota"),
    Text("disk-writer", crash(*LOOP, "torch/serialization.py:850 save", end="RuntimeError: PytorchStreamWriter failed writing file data/31: file write failed"), "disk-full", "writer"),
    # -- processes
    Text("timeout-alone", WATCHDOG.format(5), "collective-timeout", "timeout"),
    Text("stuck", "[rank0]:[F301 10:00:00.1 ProcessGroupNCCL.cpp:1554] [PG ID 0 PG GUID 0(default_pg) Rank 0] ProcessGroupNCCL's watchdog got stuck for 480 seconds without making progress in monitoring enqueued collectives.\n", "collective-timeout", "stuck"),
    Text("rendezvous", crash("train.py:3 <module>", end="torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients. 1/2 clients joined."), "collective-timeout", "rendezvous"),
    Text("connection", crash(*LOOP, end="torch.distributed.DistBackendError: NCCL error in: x.cpp:1, remote process exited or there was a network error, NCCL version 2.21.5"), "collective-timeout", "connection"),
    Text("collectives-differ", crash(*LOOP, end="RuntimeError: Detected mismatch between collectives on ranks. Rank 0 is running collective: CollectiveFingerPrint(OpType=ALLREDUCE), but Rank 1 is running collective: CollectiveFingerPrint(OpType=BROADCAST)."), "collective-timeout", "mismatch"),
    Text("ddp-twice", crash(*LOOP, "torch/autograd/graph.py:823 _engine_run_backward", end="RuntimeError: Expected to mark a variable ready only once. This error is caused by one of the following reasons: 1) Use of a module parameter outside the `forward` function."), "gradient-sync-broken", "twice"),
    Text("zero-twice", crash(*LOOP, end="AssertionError: The parameter 447 has already been reduced. Gradient computed twice for this partition. Multiple gradient reduction is currently not supported"), "gradient-sync-broken", "twice"),
    Text("ddp-unused", crash(*STEP, end="RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one. This error indicates that your module has parameters that were not used in producing loss."), "gradient-sync-broken", "unused"),
    Text("ddp-static", crash(*LOOP, end="RuntimeError: Your training graph has changed in this iteration, e.g., one parameter is unused in first iteration, but then got used in the second iteration."), "gradient-sync-broken", "changed"),
    Text("recomputed", crash(*LOOP, end="torch.utils.checkpoint.CheckpointError: torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward pass."), "gradient-sync-broken", "recomputed"),
    Text("second-backward", crash(*LOOP, end="RuntimeError: Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed)."), "gradient-sync-broken", "graph"),
    Text("zero3-weight", crash(*STEP, "torch/nn/functional.py:2551 embedding", end="RuntimeError: 'weight' must be 2-D"), "weights-not-gathered", "partitioned"),
    Text("zero3-inflight", crash(*STEP, end="AssertionError: {'id': 12, 'status': 'INFLIGHT', 'numel': 4096, 'ds_numel': 4096}"), "weights-not-gathered", "inflight"),
    Text("zero2-reference", crash(*MAKE, end="AssertionError: zero stage 2 requires an optimizer"), "weights-not-gathered", "no-optimizer"),
    Text("meta", crash(*STEP, end="NotImplementedError: Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module from meta to a different device."), "weights-not-gathered", "meta"),
    Text("saved-empty", loading("size mismatch for model.embed_tokens.weight: " + SHAPES.format("[0]", "[32000, 4096]")), "sharded-save-empty", "empty"),
    Text("saved-empty-lora", loading("size mismatch for base_model.model.h.0.lora_A.default.weight: " + SHAPES.format("[0]", "[16, 2560]")), "sharded-save-empty", "empty"),
    Text("saved-flat", loading("size mismatch for model.embed_tokens.weight: " + SHAPES.format("[65667584]", "[32064, 4096]")), "sharded-save-empty", "flat"),
    Text("not-gathered", crash(*LOOP, "accelerate/accelerator.py:4086 get_state_dict", end="ValueError: Cannot get 16bit model weights because `stage3_gather_16bit_weights_on_model_save` in DeepSpeed config is False. To save the model weights in 16bit, set `stage3_gather_16bit_weights_on_model_save` to True."), "sharded-save-empty", "not-gathered"),
    Text("fsdp-options", crash(*MAKE, "transformers/trainer.py:912 __init__", end="ValueError: save_only_model option is not compatible with FSDP state dict type 'SHARDED_STATE_DICT'"), "sharded-save-empty", "options"),
    Text("save-meta", crash(*LOOP, end="RuntimeError: You can't save the model since some parameters are on the meta device."), "sharded-save-empty", "meta"),
    # -- installed versions
    Text("renamed-config", crash("train.py:8 <module> args = SFTConfig(", end="TypeError: SFTConfig.__init__() got an unexpected keyword argument 'max_seq_length'"), "argument-renamed", "console-renamed"),
    Text("gone-config", crash("train.py:8 <module> args = GRPOConfig(", end="TypeError: GRPOConfig.__init__() got an unexpected keyword argument 'max_prompt_length'"), "argument-renamed", "console-gone"),
    Text("renamed-trainer", "TypeError: Trainer.__init__() got an unexpected keyword argument 'tokenizer'\n", "argument-renamed", "console-renamed"),
    Text("moved-trainer", crash("train.py:20 <module> trainer = SFTTrainer(", end="TypeError: SFTTrainer.__init__() got an unexpected keyword argument 'dataset_text_field'"), "argument-renamed", "console-renamed"),
    Text("renamed-arguments", crash("train.py:8 <module>", end="TypeError: TrainingArguments.__init__() got an unexpected keyword argument 'evaluation_strategy'"), "argument-renamed", "console-renamed"),
    Text("newer-argument", crash("train.py:20 <module>", end="TypeError: DPOTrainer.__init__() got an unexpected keyword argument 'processing_class'"), "argument-renamed", "console-newer"),
    Text("unknown-argument", crash(*STEP, "train.py:33 compute_loss", end="TypeError: MyTrainer.compute_loss() got an unexpected keyword argument 'num_items_in_batch'"), "argument-renamed", "console-unknown"),
    Text("parser-argument", crash("run.py:4 <module>", "transformers/hf_argparser.py:350 parse_args_into_dataclasses", end="ValueError: Some specified arguments are not used by the HfArgumentParser: ['--evaluation_strategy', 'steps']"), "argument-renamed", "console-renamed"),
    Text("missing-argument", crash("ppo.py:30 <module>", end="TypeError: PPOTrainer.__init__() missing 4 required positional arguments: 'args', 'processing_class', 'model', and 'ref_model'"), "argument-renamed", "console-other"),
    Text("gone-name", crash("ppo.py:2 <module> from trl import PPOTrainer", end="ImportError: cannot import name 'PPOTrainer' from 'trl' (/opt/venv/lib/python3.11/site-packages/trl/__init__.py)"), "api-removed", "console-gone"),
    Text("moved-name", crash("t.py:2 <module>", end="ImportError: cannot import name 'AdamW' from 'transformers' (/opt/venv/lib/python3.11/site-packages/transformers/__init__.py)"), "api-removed", "console-moved"),
    Text("newer-name", crash("t.py:2 <module>", end="ImportError: cannot import name 'GRPOTrainer' from 'trl' (/opt/venv/lib/python3.11/site-packages/trl/__init__.py)"), "api-removed", "console-newer"),
    Text("gone-method", crash("ppo.py:40 <module> answers = trainer.generate(queries)", end="AttributeError: 'KTOTrainer' object has no attribute 'generate'"), "api-removed", "console-method"),
    Text("gone-module", crash("t.py:1 <module>", end="ModuleNotFoundError: No module named 'trl.experimental.ppo'"), "api-removed", "console-absent"),
    Text("driver", crash("train.py:9 <module>", "torch/cuda/__init__.py:319 _lazy_init", end="RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading and installing a new version"), "version-conflict", "driver"),
    Text("gpu", crash(*STEP, end="RuntimeError: CUDA error: no kernel image is available for execution on the device"), "version-conflict", "gpu"),
    Text("no-cuda", crash("t.py:9 <module> model.cuda()", end="AssertionError: Torch not compiled with CUDA enabled"), "version-conflict", "no-cuda"),
    Text("binary", crash("t.py:1 <module>", end="ImportError: /opt/venv/lib/python3.11/site-packages/flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs"), "version-conflict", "binary"),
    Text("toolkit", crash("deepspeed/ops/op_builder/builder.py:102 assert_no_cuda_mismatch", end="deepspeed.ops.op_builder.builder.CUDAMismatchException: >- DeepSpeed Op Builder: Installed CUDA version 12.6 does not match the version torch was compiled with 11.8, unable to compile cuda/cpp extensions without a matching cuda version."), "version-conflict", "toolkit"),
    Text("nccl-versions", "RuntimeError: Mismatched NCCL version detected: NCCL version 2.19.3 of rank 0, 2.21.5 of rank 1\n", "version-conflict", "nccl"),
    Text("numpy", crash("t.py:1 <module>", end="ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject"), "version-conflict", "numpy"),
    Text("need", crash("t.py:1 <module>", "transformers/utils/versions.py:111 require_version", end="ImportError: tokenizers>=0.22.0,<=0.23.0 is required for a normal functioning of this module, but found tokenizers==0.19.1."), "version-conflict", "need"),
    Text("model-type", crash(*LOAD, end="ValueError: The checkpoint you are trying to load has model type `qwen3` but Transformers does not recognize this architecture. This could be because of an issue with the checkpoint, or because your version of Transformers is out of date."), "version-conflict", "model-type"),
    Text("model-type-key", crash("t.py:3 <module>", "transformers/models/auto/configuration_auto.py:710 __getitem__ raise KeyError(key)", end="KeyError: 'qwen3_moe'"), "version-conflict", "model-type"),
    Text("weights-only", crash(*LOOP, "transformers/trainer.py:3100 _load_rng_state", "torch/serialization.py:1470 load", end="_pickle.UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options"), "version-conflict", "weights-only"),
    Text("bitsandbytes", "RuntimeError:\n        CUDA Setup failed despite GPU being available. Please run the following command to get more information:\n", "version-conflict", "bitsandbytes"),
    Text("flash", crash(*LOAD, end="ImportError: FlashAttention2 has been toggled on, but it cannot be used due to the following error: the package flash_attn seems to be not installed."), "version-conflict", "flash"),
    Text("missing-module", crash("t.py:1 <module> import wandb", end="ModuleNotFoundError: No module named 'wandb'"), "version-conflict", "missing"),
    Text("shadowed", crash("trl.py:1 <module> from trl import SFTTrainer", end="ImportError: cannot import name 'SFTTrainer' from partially initialized module 'trl' (most likely due to a circular import) (/home/me/trl.py)"), "version-conflict", "shadowed"),
    Text("other-name", crash("t.py:1 <module>", "deepspeed/runtime/zero/x.py:1 <module>", end="ImportError: cannot import name 'log' from 'torch.distributed.elastic.agent.server.api' (/opt/venv/lib/python3.11/site-packages/torch/distributed/elastic/agent/server/api.py)"), "version-conflict", "name"),
    Text("import", "RuntimeError: Failed to import transformers.models.llama.modeling_llama because of the following error (look up to see its traceback):\n", "version-conflict", "import"),
    # -- precision
    Text("fp16-weights", crash(*LOOP, "torch/amp/grad_scaler.py:260 _unscale_grads_", end="ValueError: Attempting to unscale FP16 gradients."), "precision-unsupported", "half-weights"),
    Text("bf16", crash("t.py:8 <module>", "transformers/training_args.py:1782 __post_init__", end="ValueError: Your setup doesn't support bf16/gpu. You need to assign use_cpu if you want to train the model on CPU."), "precision-unsupported", "bf16"),
    Text("bf16-vllm", "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5.\n", "precision-unsupported", "bf16"),
    Text("fp16", crash(*MAKE, "accelerate/accelerator.py:573 __init__", end="ValueError: fp16 mixed precision requires a device in ('cuda', 'npu') (not 'cpu')."), "precision-unsupported", "fp16"),
    Text("both", crash("t.py:8 <module>", end="ValueError: At most one of fp16 and bf16 can be True, but not both"), "precision-unsupported", "both"),
    Text("tf32", crash("t.py:8 <module>", end="ValueError: --tf32 requires Ampere or a newer GPU arch, cuda>=11 and torch>=1.7"), "precision-unsupported", "tf32"),
    Text("flash-fp32", crash(*STEP, end="RuntimeError: FlashAttention only support fp16 and bf16 data type"), "precision-unsupported", "flash"),
    Text("ampere", crash(*STEP, end="RuntimeError: FlashAttention only supports Ampere GPUs or newer."), "precision-unsupported", "ampere"),
    Text("operation", crash(*STEP, end="RuntimeError: \"addmm_impl_cpu_\" not implemented for 'Half'"), "precision-unsupported", "operation"),
    Text("mixed", crash(*STEP, end="RuntimeError: expected scalar type Half but found Float"), "precision-unsupported", "mixed"),
    Text("mixed-mat", crash(*STEP, end="RuntimeError: expected mat1 and mat2 to have the same dtype, but got: float != c10::BFloat16"), "precision-unsupported", "mixed"),
    Text("sharded-dtype", crash(*MAKE, end="ValueError: Must flatten tensors with uniform dtype but got torch.bfloat16 and torch.float32"), "precision-unsupported", "sharded"),
    Text("scaler", crash(*LOOP, end="AssertionError: No inf checks were recorded for this optimizer."), "precision-unsupported", "scaler"),
    # -- vocabulary, adapters, checkpoints
    Text("index-gpu", "../aten/src/ATen/native/cuda/Indexing.cu:1289: indexSelectLargeIndex: block: [267,0,0], thread: [64,0,0] Assertion `srcIndex < srcSelectDimSize` failed.\n" + crash(*STEP, end="RuntimeError: CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at some other API call."), "embedding-too-small", "index"),
    Text("index-cpu", crash(*STEP, "torch/nn/functional.py:2551 embedding", end="IndexError: index out of range in self"), "embedding-too-small", "index"),
    Text("assert", crash(*STEP, end="RuntimeError: CUDA error: device-side assert triggered"), "embedding-too-small", "assert"),
    Text("vocabulary", loading("size mismatch for base_model.model.lm_head.weight: " + SHAPES.format("[32005, 2048]", "[32000, 2048]")), "embedding-too-small", "loaded"),
    Text("resized", crash("t.py:9 <module>", "trl/chat_template_utils.py:138 clone_chat_template", end="RuntimeError: Vocabulary size mismatch after resizing: tokenizer vocab size is 151670, but model embedding size is 151936."), "embedding-too-small", "resized"),
    Text("padding-index", crash(*LOAD, "torch/nn/modules/sparse.py:140 __init__", end="AssertionError: Padding_idx must be within num_embeddings"), "embedding-too-small", "padding"),
    Text("piece", crash("t.py:9 <module>", end="IndexError: piece id is out of range."), "embedding-too-small", "piece"),
    Text("labels", "../aten/src/ATen/native/cuda/Loss.cu:250: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0] Assertion `t >= 0 && t < n_classes` failed.\n", "embedding-too-small", "labels"),
    Text("targets", crash(*MAKE, "peft/tuners/tuners_utils.py:600 inject_adapter", end="ValueError: Target modules {'c_attn'} not found in the base model. Please check the target modules and try again."), "adapter-mismatch", "targets"),
    Text("unnamed", crash(*MAKE, end="ValueError: Please specify `target_modules` or `target_parameters`in `peft_config`"), "adapter-mismatch", "unnamed"),
    Text("unsupported-target", crash(*MAKE, end="ValueError: Target module Conv3d() is not supported. Currently, only the following modules are supported: `torch.nn.Linear`, `torch.nn.Embedding`"), "adapter-mismatch", "unsupported"),
    Text("twice", crash(*MAKE, end="ValueError: You passed a `PeftModel` instance together with a `peft_config` to the trainer. Please first merge and unload the existing adapter"), "adapter-mismatch", "twice"),
    Text("head", crash(*MAKE, end="ValueError: Applying a PEFT adapter to `lm_head` is not supported: the log-probabilities are computed from `lm_head.weight` directly"), "adapter-mismatch", "head"),
    Text("lora-rank", loading("size mismatch for base_model.model.q_proj.lora_A.default.weight: " + SHAPES.format("[4, 32]", "[8, 32]")), "adapter-mismatch", "rank"),
    Text("no-adapter", crash("t.py:9 <module> PeftModel.from_pretrained(base, path)", end="ValueError: Can't find 'adapter_config.json' at 'out/final'"), "adapter-mismatch", "absent"),
    Text("other-adapter", crash("t.py:9 <module>", end="ValueError: Cannot combine adapters with different peft types. Found LORA and PREFIX_TUNING."), "adapter-mismatch", "kind"),
    Text("quantized", crash(*MAKE, end="ValueError: You cannot perform fine-tuning on purely quantized models. Please attach trainable adapters on top of the quantized model to correctly perform fine-tuning."), "adapter-mismatch", "quantized"),
    Text("newer-peft", crash("t.py:9 <module>", "peft/config.py:150 from_peft_type", end="TypeError: LoraConfig.__init__() got an unexpected keyword argument 'corda_config'"), "adapter-mismatch", "newer"),
    Text("missing-keys", "UserWarning: Found missing adapter keys while loading the checkpoint: ['base_model.model.q_proj.lora_A.default.weight'].\n", "adapter-mismatch", "keys"),
    Text("header", crash(*LOAD, end="safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer"), "checkpoint-truncated", "header"),
    Text("header-new", crash(*LOAD, end="safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered"), "checkpoint-truncated", "header"),
    Text("pickle", crash(*LOAD, "torch/serialization.py:1400 load", end="RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory"), "checkpoint-truncated", "pickle"),
    Text("pointer", crash(*LOAD, end="_pickle.UnpicklingError: invalid load key, 'v'."), "checkpoint-truncated", "pointer"),
    Text("download", crash("t.py:3 <module>", end="OSError: Consistency check failed: file should be of size 4976698672 but has size 1207959552 (model-00001-of-00004.safetensors)."), "checkpoint-truncated", "download"),
    Text("resume-optimizer", crash(*TRAIN, "transformers/trainer.py:3700 _load_optimizer_and_scheduler", end="ValueError: loaded state dict contains a parameter group that doesn't match the size of optimizer's group"), "resume-mismatch", "optimizer"),
    Text("resume-adapter", crash(*TRAIN, "transformers/trainer.py:3660 _load_from_checkpoint", end="RuntimeError: Error(s) in loading state_dict for PeftModelForCausalLM:\n\tsize mismatch for base_model.model.q_proj.lora_A.default.weight: " + SHAPES.format("[4, 32]", "[8, 32]")), "resume-mismatch", "adapter"),
    Text("resume-weights", crash(*TRAIN, "transformers/trainer.py:3660 _load_from_checkpoint", end="RuntimeError: Error(s) in loading state_dict for LlamaForCausalLM:\n\tsize mismatch for model.embed_tokens.weight: " + SHAPES.format("[32005, 32]", "[32000, 32]")), "resume-mismatch", "weights"),
    Text("resume-missing", crash(*TRAIN, end="ValueError: Can't find a valid checkpoint at out/checkpoint-500"), "resume-mismatch", "missing"),
    Text("resume-sharding", crash(*TRAIN, end="ValueError: Checkpoint found at out/checkpoint-5 is only supported when using PyTorch FSDP"), "resume-mismatch", "sharding"),
    Text("resume-world", crash(*TRAIN, end="deepspeed.runtime.zero.utils.ZeRORuntimeException: The checkpoint being loaded used a DP world size of 8 but the current world size is 4. Automatic adjustment of ZeRO's optimizer state partitioning with a new world size is not currently supported."), "resume-mismatch", "world"),
    Text("resume-exists", crash("run.py:9 <module>", end="ValueError: Output directory (out) already exists and is not empty. Use --overwrite_output_dir to overcome."), "resume-mismatch", "exists"),
    # -- data
    Text("column-key", crash(*MAKE, "datasets/arrow_dataset.py:3200 map", "trl/trainer/dpo_trainer.py:1050 tokenize_fn", end="KeyError: 'chosen'"), "wrong-columns", "key"),
    Text("column-key-own", crash("train.py:30 <module> data.map(format_row)", "datasets/arrow_dataset.py:3200 map", "train.py:12 format_row", "datasets/formatting/formatting.py:290 __getitem__", end="KeyError: 'dialogue_text'"), "wrong-columns", "key"),
    Text("column-keys", crash(*MAKE, "trl/data_utils.py:190 apply_chat_template", end="KeyError: 'Invalid keys in the example: {\\'a\\', \\'b\\'}'"), "wrong-columns", "keys"),
    Text("column-absent", crash("t.py:9 <module>", end="ValueError: Column name ['text'] not in the dataset. Current columns in the dataset: ['a', 'b']"), "wrong-columns", "absent"),
    Text("no-match", crash(*TRAIN, end="ValueError: No columns in the dataset match the model's forward method signature: (input_ids, attention_mask, labels). The following columns have been ignored: [text]."), "wrong-columns", "no-match"),
    Text("no-labels", crash(*STEP, end="ValueError: The model did not return a loss from the inputs, only the following keys: logits,past_key_values. For reference, the inputs it received are input_ids,attention_mask."), "wrong-columns", "no-labels"),
    Text("empty-batch", crash(*LOOP, end="ValueError: You should supply an encoding or a list of encodings to this method that includes input_ids, but you provided ['label']"), "wrong-columns", "batch"),
    Text("not-text", crash(*MAKE, end="ValueError: text input must be of type `str` (single example), `list[str]` (batch or single pretokenized example) or `list[list[str]]` (batch of pretokenized examples)."), "wrong-columns", "type"),
    Text("ragged", crash(*LOOP, end="ValueError: Unable to create tensor, you should probably activate truncation and/or padding with 'padding=True' 'truncation=True' to have batched tensors with the same length."), "wrong-columns", "ragged"),
    Text("files-differ", crash("t.py:9 <module>", end="datasets.exceptions.DatasetGenerationCastError: An error occurred while generating the dataset\nAll the data files must have the same columns, but at some point there are 1 new columns ({'score'})"), "wrong-columns", "files"),
    Text("not-conversational", crash(*MAKE, end="ValueError: You set `assistant_only_loss=True`, but the dataset is not conversational. This option is only supported for conversational datasets."), "wrong-columns", "kind"),
    Text("split", crash("t.py:9 <module>", end='ValueError: Unknown split "validation". Should be one of [\'train\'].'), "wrong-columns", "split"),
    Text("pad-tokenizer", crash(*LOOP, end="ValueError: Asking to pad but the tokenizer does not have a padding token. Please select a token to use as `pad_token` `(tokenizer.pad_token = tokenizer.eos_token e.g.)`"), "special-token-missing", "pad-tokenizer"),
    Text("pad-model", crash(*STEP, end="ValueError: Cannot handle batch sizes > 1 if no padding token is defined."), "special-token-missing", "pad-model"),
    Text("token-unknown", crash(*MAKE, end="ValueError: The specified `eos_token` ('<|im_end|>') is not found in the vocabulary of the given `processing_class` (GPT2Tokenizer). Ensure that the `eos_token` exists"), "special-token-missing", "unknown"),
    Text("template-missing", crash(*MAKE, "transformers/tokenization_utils_base.py:3364 get_chat_template", end="ValueError: Cannot use chat template functions because tokenizer.chat_template is not set and no template argument was passed! For information about writing templates and setting the tokenizer.chat_template attribute, please see the documentation"), "chat-template-missing", "missing"),
    Text("template-several", crash(*MAKE, end="ValueError: This model has multiple chat templates with no default specified! Please either pass a chat template or the name of the template you wish to use"), "chat-template-missing", "several"),
    Text("template-fallback", "No chat template is set for this tokenizer, falling back to a default class-level template. This is very error-prone\n" + rows(1.1, 1.0, 0.9, 0.8), "chat-template-missing", "fallback"),
    Text("roles", crash(*MAKE, end="jinja2.exceptions.TemplateError: After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."), "chat-template-mismatch", "roles"),
    Text("system", crash(*MAKE, end="jinja2.exceptions.TemplateError: System role not supported"), "chat-template-mismatch", "system"),
    Text("empty-conversation", crash(*MAKE, end="ValueError: Cannot apply chat template to an empty conversation. Provide at least one message."), "chat-template-mismatch", "empty"),
    Text("training-template", crash(*MAKE, end="ValueError: The chat template is not training-compatible (missing prefix-preservation or `{% generation %}` markers) and patching is not supported for this template."), "chat-template-mismatch", "training"),
    Text("tools", crash(*MAKE, end="ValueError: The provided chat template does not support tool calling. The template must be able to render a full tool-calling conversation (user -> assistant with tool_calls -> tool)."), "chat-template-mismatch", "tools"),
    Text("final", crash(*MAKE, end="ValueError: continue_final_message is set but the final message does not appear in the chat after applying the chat template!"), "chat-template-mismatch", "final"),
    Text("query", crash(*MAKE, end="jinja2.exceptions.TemplateError: No user query found in messages."), "chat-template-mismatch", "query"),
    Text("syntax", crash(*MAKE, end="jinja2.exceptions.TemplateSyntaxError: unexpected '}'"), "chat-template-mismatch", "syntax"),
    Text("undefined", crash(*MAKE, end="jinja2.exceptions.UndefinedError: 'dict object' has no attribute 'role'"), "chat-template-mismatch", "undefined"),
    Text("refused-template", crash(*MAKE, end="jinja2.exceptions.TemplateError: tool messages need an id"), "chat-template-mismatch", "refused"),
    Text("prefix", "Mismatch between tokenized prompt and the start of tokenized prompt+completion. This may be due to unexpected tokenizer behavior\n" + rows(1.1, 1.0, 0.9, 0.8), "chat-template-mismatch", "prefix"),
    Text("masked-unsloth", crash(*MAKE, end="ZeroDivisionError: Unsloth: All labels in your dataset are -100. Training losses will be all 0."), "labels-all-masked", "message"),
    Text("masked-samples", crash(*TRAIN, "torch/utils/data/sampler.py:162 __init__", end="ValueError: num_samples should be a positive integer value, but got num_samples=0"), "labels-all-masked", "message"),
    Text("masked-assistant", crash(*MAKE, end="RuntimeError: You're using `assistant_only_loss=True`, but at least one example has no assistant tokens. This usually means the tokenizer's chat template doesn't generate assistant masks"), "labels-all-masked", "message"),
    Text("masked-response", "UserWarning: Could not find response key `### Answer:` in the following instance: ... This instance will be ignored in loss calculation. Note, if this happens often, consider increasing the `max_seq_length`.\n" * 4, "labels-all-masked", "message"),
    Text("masked-told", "I use the collator for completions, but the training loss is 0 at each step.\ncollator = DataCollatorForCompletionOnlyLM(template, tokenizer=tokenizer)\n", "labels-all-masked", "told"),
    # -- batches, arguments, sources, servers
    Text("generations", crash("t.py:8 <module>", "trl/trainer/grpo_config.py:1132 __post_init__", end="ValueError: generation_batch_size (4) must be divisible by num_generations (3)."), "batch-not-divisible", "generations"),
    Text("world", crash("t.py:8 <module>", end="ValueError: generation_batch_size (10) must be divisible by the global batch size (4)."), "batch-not-divisible", "world"),
    Text("two", crash("t.py:8 <module>", end="ValueError: GRPO requires at least 2 generations per prompt to calculate the advantages. You provided 1, which is less than the minimum required."), "batch-not-divisible", "two"),
    Text("deepspeed-batch", crash(*MAKE, end="AssertionError: Check batch related parameters. train_batch_size is not equal to micro_batch_per_gpu * gradient_acc_step * world_size 32 != 4 * 1 * 4"), "batch-not-divisible", "deepspeed"),
    Text("heads", "ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).\n", "batch-not-divisible", "parallel"),
    Text("inexact", crash("ppo.py:30 <module>", end="ValueError: `batch_size` must be a multiple of `num_mini_batches`, inexact division: 10 / 4 = 2.5"), "batch-not-divisible", "inexact"),
    Text("whitening", crash("ppo.py:30 <module>", end="AssertionError: Per-rank minibatch size 4 must be >= 8 for whitening"), "batch-not-divisible", "whitening"),
    Text("reshape", crash(*LOOP, "trl/trainer/grpo_trainer.py:1500 _generate_and_score_completions rewards.view(-1, self.num_generations)", end="RuntimeError: shape '[-1, 8]' is invalid for input of size 6"), "batch-not-divisible", "reshape"),
    Text("wrong-count", crash(*LOOP, "trl/trainer/grpo_trainer.py:1632 _calculate_rewards", end="ValueError: The reward function 'accuracy' returned 1 rewards, but 4 were expected (one per prompt-completion pair). Make sure the reward function returns exactly one reward per completion."), "reward-wrong-count", "console"),
    Text("reward-signature", crash(*LOOP, "trl/trainer/grpo_trainer.py:1625 _calculate_rewards", "rewards.py:3 wrapper", end="TypeError: accuracy() got an unexpected keyword argument 'solution'"), "reward-raises", "console"),
    *(
        Text(f"arguments-{kind}", crash(*MAKE, end=f"ValueError: {said}"), "options-contradict", kind)
        for kind, said in {
            "parallel": "SFTTrainer does not support `nn.DataParallel`, which `Trainer` uses when several GPUs are visible to a single process.",
            "quantized-twice": "You set `quantization_config` both as a trainer argument and in `args.model_init_kwargs`.",
            "instantiated": "You passed `quantization_config` to the trainer, but your model is already instantiated.",
            "same-model": "`model` and `ref_model` cannot be the same object. In most cases you should omit `ref_model`",
            "weights": "Number of reward weights (1) must match number of reward functions (2)",
            "sharding-twice": "Using --fsdp xxx together with --deepspeed is not possible, deactivate one of those flags.",
            "batch-finder": "`auto_find_batch_size` isn't supported yet with DeepSpeed Zero-3. Please consider using Zero-2, Zero-1, or FSDP",
            "batches-twice": "'generation_batch_size' and 'steps_per_generation' can not be both configured at the same time",
            "deepspeed": "Please correct the following DeepSpeed config values that mismatch TrainingArguments values:",
            "device-map": "You can't train a model that has been loaded with `device_map='auto'` in any distributed mode.",
            "no-evaluation-data": "You have set `args.eval_strategy` to steps but you didn't pass an `eval_dataset` to `Trainer`.",
            "best-model": "--load_best_model_at_end requires the save and eval strategy to match, but found",
            "padding-free": "When `padding_free=True` without packing, `max_length` is not enforced.",
            "formatting": "A formatting function was provided while `completion_only_loss=True`, which is incompatible.",
            "reference-sync": "You cannot use `sync_ref_model=True` together with `precompute_ref_log_probs=True`.",
            "checkpointing-twice": "FSDP's own activation checkpointing and the `activation_checkpointing` training argument can't both be set",
            "length": "args.max_steps must be set to a positive value if dataloader does not have a length, was -1",
            "labels": "reward models require `num_labels=1`",
            "loss-type": "Unknown loss type: sigmod. Should be one of ['sigmoid', 'hinge']",
        }.items()
    ),
    Text("arguments-refused", crash("t.py:8 <module> args = DPOConfig(", "trl/trainer/dpo_config.py:361 __post_init__", end="ValueError: the weights of several losses are not as many as they"), "options-contradict", "refused"),
    Text("source-name", crash(*LOAD, end="OSError: meta-lama/Llama-3 is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'"), "source-unavailable", "name"),
    Text("gated", crash(*LOAD, end="OSError: You are trying to access a gated repo.\nMake sure to have access to it at https://huggingface.co/meta-llama/Llama-3.1-8B."), "source-unavailable", "gated"),
    Text("no-file", crash(*LOAD, end="OSError: Error no file named model.safetensors, or pytorch_model.bin, found in directory out/checkpoint-500."), "source-unavailable", "file"),
    Text("offline", crash(*LOAD, end="OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files."), "source-unavailable", "offline"),
    Text("remote-code", crash(*LOAD, end="ValueError: The repository for x/y contains custom code which must be executed to correctly load the model. Please pass the argument `trust_remote_code=True` to allow custom code to be run."), "source-unavailable", "code"),
    Text("no-path", crash("t.py:3 <module> rows = open('data/train.jsonl')", end="FileNotFoundError: [Errno 2] No such file or directory: 'data/train.jsonl'"), "source-unavailable", "path"),
    Text("in-memory", crash("t.py:20 <module> trainer = DPOTrainer(", "trl/trainer/dpo_trainer.py:700 __init__", end="OSError: Repo id must use alphanumeric chars, '-', '_' or '.'. The name cannot start or end with '-' or '.' and the maximum length is 96: ''."), "source-unavailable", "in-memory"),
    Text("server-absent", crash("t.py:20 <module>", "trl/generation/vllm_client.py:288 check_server", end="ConnectionError: The vLLM server can't be reached at http://0.0.0.0:8000 after 240.0 seconds. Make sure the server is running"), "server-unreachable", "absent"),
    Text("server-development", crash("t.py:20 <module>", end="RuntimeError: The vLLM server at http://0.0.0.0:8000 does not expose its development endpoints, which TRL uses to synchronize weights. Restart it with `VLLM_SERVER_DEV_MODE=1`"), "server-unreachable", "development"),
    Text("server-engine", crash("t.py:20 <module>", end="RuntimeError: The vLLM server at http://0.0.0.0:8000 has no weight-transfer engine. Restart it with `--weight-transfer-config '{\"backend\": \"nccl\"}'`."), "server-unreachable", "engine"),
    Text("server-device", crash("t.py:20 <module>", end="NotImplementedError: Weight synchronization runs on vLLM's NCCL weight-transfer engine, which needs a CUDA device, got 'cpu'."), "server-unreachable", "device"),
    Text("server-refused", crash(*LOOP, end="requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=8000): Max retries exceeded with url: /generate/ (Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))"), "server-unreachable", "refused"),
    Text("server-inner", crash("t.py:20 <module>", end="RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"), "server-unreachable", "inner"),
    # -- numbers
    Text("sampling", crash(*LOOP, "transformers/generation/utils.py:2800 _sample", end="RuntimeError: probability tensor contains either `inf`, `nan` or element < 0"), "loss-not-finite", "sampling"),
    Text("zero3-norm", crash(*LOOP, "deepspeed/runtime/zero/stage3.py:2100 step", end="AssertionError: assert all_grad_norm > 0"), "loss-not-finite", "zero3"),
    Text("loss-scale", rows(2.0, 2.1) + crash(*LOOP, end="Exception: Current loss scale already at minimum - cannot decrease scale anymore. Exiting run."), "loss-not-finite", "scale"),
    Text("anomaly", crash(*LOOP, end="RuntimeError: Function 'ScaledDotProductEfficientAttentionBackward0' returned nan values in its 0th output."), "loss-not-finite", "anomaly"),
    Text("nan-said", "Loss is nan, stopping training\n", "loss-not-finite", "said"),
    Text("nan-told", "After the second step grad_norm becomes nan and the model outputs nothing useful.\n", "loss-not-finite", "told"),
    Text("nan-one-row", "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.02}\n", "loss-not-finite", "hidden"),
    Text("nan-frozen-one-row", "{'loss': 0.0, 'grad_norm': 1.7320508075688772, 'learning_rate': 1e-05, 'epoch': 0.02}\n", "loss-not-finite", "frozen"),
    Text("no-gradient", crash(*LOOP, end="RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn"), "nothing-trainable", "message"),
    Text("no-parameters", crash(*TRAIN, end="ValueError: optimizer got an empty parameter list"), "nothing-trainable", "message"),
    Text("cut-gradient", "/opt/venv/lib/python3.11/site-packages/torch/utils/checkpoint.py:87: UserWarning: None of the inputs have requires_grad=True. Gradients will be None\n", "nothing-trainable", "cut"),
    # -- how it ended
    Text("time-limit", rows(2.0, 1.9, 1.8, 1.7) + "slurmstepd: error: *** JOB 123 ON node1 CANCELLED AT 2026-03-01T10:00:00 DUE TO TIME LIMIT ***\n", "run-died", "time-limit"),
    Text("preempted", rows(2.0) + "slurmstepd: error: *** STEP 123.0 ON node1 CANCELLED AT 2026-03-01T10:00:00 DUE TO PREEMPTION ***\n", "run-died", "preempted"),
    Text("node-failed", rows(2.0) + "srun: error: *** JOB 123 ON node1 CANCELLED AT 2026-03-01T10:00:00 DUE TO NODE FAILURE ***\n", "run-died", "node"),
    Text("cancelled", rows(2.0) + "slurmstepd: error: *** JOB 123 ON node1 CANCELLED AT 2026-03-01T10:00:00 ***\n", "run-died", "cancelled"),
    Text("port", crash("train.py:3 <module>", end="torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29500, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use"), "run-died", "port"),
    Text("segfault", rows(2.0) + ROOT_CAUSE.format(rank=1, code=-11, said="Signal 11 (SIGSEGV) received by PID 4711"), "run-died", "segfault"),
    Text("hardware", crash(*STEP, end="RuntimeError: CUDA error: uncorrectable ECC error encountered"), "run-died", "hardware"),
    Text("illegal", crash(*STEP, end="RuntimeError: CUDA error: an illegal memory access was encountered"), "run-died", "illegal"),
    Text("no-gpu", crash("t.py:9 <module>", end="RuntimeError: No CUDA GPUs are available"), "run-died", "no-gpu"),
    Text("interrupted", rows(2.0, 1.9, 1.8) + "^C" + crash(*LOOP, end="KeyboardInterrupt"), "run-died", "interrupted"),
    Text("terminated", rows(2.0) + "W0301 10:00:00.000000 140 torch/distributed/elastic/agent/server/api.py:704] Received Signals.SIGTERM death signal, shutting down workers\n" + crash(end="torch.distributed.elastic.multiprocessing.api.SignalException: Process 77 got signal: 15"), "run-died", "terminated"),
    Text("unknown", crash(*STEP, "model.py:88 forward return self.gate(x)[mask]", end="TypeError: 'NoneType' object is not subscriptable"), "run-died", "unknown"),
    Text("cut-off-end", "Traceback (most recent call last):\n" + frames(*STEP, "model.py:88 forward") + "\n", "run-died", "cut-off"),
)  # fmt: skip
