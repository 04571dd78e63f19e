# The tour of the project. Needs Python 3.11 or newer, git and make; everything else is set up in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.DEFAULT_GOAL := help

help: ## Show what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.used ## See the SDK at work on a local server
	@$(BIN)/fastgpt-client demo

serve: $(VENV)/.used ## Run the local server on port 3000
	@$(BIN)/fastgpt-client serve

test: $(VENV)/.developed ## Run all checks and tests, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term

quick: $(VENV)/.developed ## Run the tests without types and coverage
	$(BIN)/pytest

test-ray: $(VENV)/.ray ## Run the tests of Ray, which is large and in no other setup
	$(BIN)/pytest tests/knowledge/test_ray.py

format: $(VENV)/.developed ## Put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: ## Measure speed against openai and bare httpx2
	$(PYTHON) benchmarks/run.py

clean: ## Remove what the other commands made
	rm -rf $(VENV) .bench dist build .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.used: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[all]'
	@touch $@

$(VENV)/.developed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.used

$(VENV)/.ray: $(VENV)/.developed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,ray]'
	@touch $@

.PHONY: help demo serve test quick test-ray format bench clean
