"""PPO: proximal policy optimisation; answers are scored, and the policy is moved towards the better ones, near the reference.

Run by `python -m training start --method ppo`; reads its request from the run folder and writes everything there.
"""

from __future__ import annotations

from training.worker.process import Worker, run_worker


def train(worker: Worker) -> None:
    """Train one model on the request of the worker's run folder."""
    import trl
    from transformers import AutoTokenizer
    from trl.scripts.grpo import GRPOScriptArguments

    from training.ppo_config import PPOConfig
    from training.ppo_models import load_models
    from training.ppo_trainer import PPOTrainer
    from training.worker.arguments import model_init_kwargs, parse, sharded
    from training.worker.curriculum import easy_to_hard
    from training.worker.data import load_splits
    from training.worker.recorder import Recorder
    from training.worker.rewards import load_reward_funcs

    # Arguments
    script, args, model, clinic = parse(worker.request, PPOConfig, GRPOScriptArguments)
    args.model_init_kwargs = model_init_kwargs(args, model)
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

    # Rewards
    rewards = load_reward_funcs(script, args, train_dataset)

    # Trainer: policy, value model and reference are built here, since PPO needs all three
    policy_and_value, reference = load_models(
        model.model_name_or_path,
        args,
        tokenizer,
        rewards,
        clinic,
        quantization_config=trl.get_quantization_config(model),
        peft_config=trl.get_peft_config(model),
    )
    trainer = PPOTrainer(
        model=policy_and_value,
        ref_model=reference,
        rewards=rewards,
        args=args,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        processing_class=tokenizer,
        callbacks=[worker.recorder, *stages],
    )

    # Training
    trainer.train(resume_from_checkpoint=worker.resume_from(args))

    # End: the last checkpoint is already on disk, the whole log goes beside it
    trainer.save_state()
    trainer.end()


if __name__ == "__main__":
    run_worker(train)
