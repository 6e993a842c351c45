# Everything a fresh machine needs: `make demo` and `make test` install into .venv first.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

help:
	@echo 'make install set up $(VENV), which demo, test, check and format do first'
	@echo 'make demo    train, evaluate, export, check and fly a hover policy; writes runs/demo/report.html'
	@echo 'make test    lint, types and all tests'
	@echo 'make check   lint, types and import rules only'
	@echo 'make format  rewrite the code in the house format'
	@echo 'make clean   remove $(VENV) and caches; runs/ stays'

# The stamp is older than setup.py exactly when dependencies may have changed.
$(STAMP): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "robot_rl needs Python 3.10 or newer: make PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,judge,ros,dev]'
	touch $@

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/robot_rl demo

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q test/test_architecture.py

TEST_ENV := OMP_NUM_THREADS=1 ROS_PYTHON_CHECK_FIELDS=1 ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST

# The checks print one line each. What measures time or starts nodes has the machine to itself, the
# rest runs in two processes.
test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not ros and not timed and not long'
	$(TEST_ENV) $(BIN)/python -m pytest -m 'ros or timed'

format: $(STAMP)
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist *.egg-info

.PHONY: help install demo check test format clean
