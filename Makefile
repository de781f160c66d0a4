# Every target does its own set-up: a virtual environment with the pinned requirements.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
RUNS ?= runs
PORT ?= 7860

.PHONY: demo dashboard test lint types unit browser bench bench-compare bench-workers bench-ppo bench-diagnose bench-preflight bench-postmortem bench-memory bench-pages base setup test-setup clean doctor

## demo: train the embedded assistant in the background and open the dashboard on it
demo: setup
	$(BIN)/python -m dashboard --runs $(RUNS) --port $(PORT) --demo --open

## dashboard: the dashboard alone, on the runs in $(RUNS)
dashboard: setup
	$(BIN)/python -m dashboard --runs $(RUNS) --port $(PORT)

## test: lint, types, unit tests and the browser story
test: lint types unit browser

lint: test-setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: test-setup
	$(BIN)/mypy

# Two files side by side, each training on one thread: on two cores two trainings of two threads wait for each other.
unit: test-setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore tests/browser -n 2 --dist loadfile

browser: test-setup
	$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m pytest tests/browser

## bench: what this machine measures, as ratios against a named peer in the same run
bench: test-setup
	$(BIN)/python -m tests.bench

## bench-compare: the comparison's part of it alone
bench-compare: test-setup
	$(BIN)/python -m tests.bench.compare

## bench-pages: page weight, first paint and what an open page costs with 200 runs, beside an empty Gradio app and TensorBoard
bench-pages: test-setup
	$(BIN)/python -m tests.bench.pages $(ARGS)

## bench-workers: each worker's time per step beside a plain TRL script with the same arguments
bench-workers: test-setup
	$(BIN)/python -m tests.bench.workers $(ARGS)

## bench-ppo: our PPO and that of TRL 1.12 from the demo's models in $(RUNS): held-out score, tokens per second
bench-ppo: test-setup
	$(BIN)/python -m tests.bench.ppo --runs $(RUNS) $(ARGS)

## bench-diagnose: our diagnoses and the peers', scored on the labelled runs in the folder that CLINIC_LABELLED_RUNS names
bench-diagnose: test-setup
	$(BIN)/python -m tests.bench.diagnose $(ARGS)

## bench-preflight: the data rules on planted faults over real-sized data; ARGS="--rows 2000 --methods dpo" for a part of it
bench-preflight: test-setup
	$(BIN)/python -m tests.bench.preflight $(ARGS)

## bench-postmortem: causes named from the consoles of failed runs in the folder that CLINIC_LABELLED_CONSOLES names
bench-postmortem: test-setup
	$(BIN)/python -m tests.bench.postmortem

## bench-memory: predicted peaks beside the published ones that CLINIC_MEMORY_TRUTH names, beside real training, and the time
bench-memory: test-setup
	$(BIN)/python -m tests.bench.memory $(ARGS)

## base: train the demo's kept base model again, from random weights
base: setup
	$(BIN)/python -m training.demo.keep

## doctor: what is wrong with the environment, and the commands that repair it; sets nothing up
doctor:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m training doctor --runs $(RUNS); else $(PYTHON) -m training doctor --runs $(RUNS); fi

setup: $(VENV)/installed
test-setup: $(VENV)/test-installed

$(VENV)/installed: requirements.txt
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Python 3.11 or newer is needed, this is ' + sys.version"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/test-installed: tests/requirements.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) .bench .pytest_cache .mypy_cache .ruff_cache
