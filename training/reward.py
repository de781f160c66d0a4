"""Reward model: a score for an answer, learned from pairs of a chosen and a rejected one.

Run by `python -m training start --method reward`; reads its request from the run folder and writes everything there.
"""

from __future__ import annotations

from training.worker.process import Worker, run_worker


def train(worker: Worker) -> None:
    """Train one model on the request of the worker's run folder."""
    import trl
    from transformers import AutoTokenizer

    from training.worker.arguments import model_init_kwargs, parse, sharded
    from training.worker.curriculum import easy_to_hard
    from training.worker.data import load_splits
    from training.worker.recorder import Recorder

    # Arguments
    script, args, model, clinic = parse(worker.request, trl.RewardConfig)
    args.model_init_kwargs = model_init_kwargs(args, model)
    model.lora_task_type = (
        "SEQ_CLS"  # TRL's default is a language model's, with which a LoRA reward model cannot be built
    )
    worker.recorder = Recorder(worker.request, worker.status, clinic, worker.main, sharded(args))

    # Tokenizer
    tokenizer = AutoTokenizer.from_pretrained(
        model.model_name_or_path, revision=model.model_revision, trust_remote_code=args.trust_remote_code
    )

    # Data
    train_dataset, eval_dataset = load_splits(
        worker.request.method, script, clinic, evaluate=args.eval_strategy != "no"
    )
    train_dataset, stages = easy_to_hard(worker.request.method, train_dataset, tokenizer, args, model, clinic)

    # Trainer: builds the model, with one new output in place of the vocabulary
    trainer = trl.RewardTrainer(
        model=model.model_name_or_path,
        args=args,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        processing_class=tokenizer,
        quantization_config=trl.get_quantization_config(model),
        peft_config=trl.get_peft_config(model),
        callbacks=[worker.recorder, *stages],
    )

    # Training
    trainer.train(resume_from_checkpoint=worker.resume_from(args))

    # End: the last checkpoint is already on disk, the whole log goes beside it
    trainer.save_state()
    trainer.end()


if __name__ == "__main__":
    run_worker(train)
