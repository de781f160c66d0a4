"""SFT: supervised fine-tuning on texts, conversations or prompts with completions.

Run by `python -m training start --method sft`; reads its request from the run folder and writes everything there.
"""

from __future__ import annotations

from training.worker import Worker, run_worker


def train(worker: Worker) -> None:
    """Train one model on the request of the worker's run folder."""
    import trl
    from transformers import AutoTokenizer

    from training.arguments import model_init_kwargs, parse, sharded
    from training.data import load_splits
    from training.recorder import Recorder

    # Arguments
    script, args, model, clinic = parse(worker.request, trl.SFTConfig)
    args.model_init_kwargs = model_init_kwargs(args, model)
    worker.recorder = Recorder(worker.request, worker.status, clinic, worker.main, sharded(args))

    # Tokenizer
    tokenizer = AutoTokenizer.from_pretrained(
        model.model_name_or_path, revision=model.model_revision, trust_remote_code=args.trust_remote_code
    )

    # Data
    train_dataset, eval_dataset = load_splits(script, evaluate=args.eval_strategy != "no")

    # Trainer: builds the model
    trainer = trl.SFTTrainer(
        model=model.model_name_or_path,
        args=args,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        processing_class=tokenizer,
        quantization_config=trl.get_quantization_config(model),
        peft_config=trl.get_peft_config(model),
        callbacks=[worker.recorder],
    )

    # Training
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)

    # End: the last checkpoint is already on disk, the whole log goes beside it
    trainer.save_state()
    trainer.end()


if __name__ == "__main__":
    run_worker(train)
