# make run | test | check | lock. Nothing here needs root; all of it stays in .venv.

.PHONY: help run test check lock
PYTHON := .venv/bin/python

help:
	@echo 'make run                     start the chat on http://127.0.0.1:7860'
	@echo 'make run ARGS="--port 8000"  with options (ARGS="--help" lists them)'
	@echo 'make test                    checks and all tests'
	@echo 'make check                   format, lint and types only'
	@echo 'make lock                    pin requirements.in anew, for all platforms'

run:
	@scripts/set-up
	@exec $(PYTHON) -m app $(ARGS)

test: check
	@exec $(PYTHON) -m pytest -n 2 --dist loadfile --max-worker-restart 1 $(ARGS)

check:
	@scripts/set-up dev
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/hadolint Dockerfile

LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'
lock:
	@scripts/set-up dev
	@$(LOCK) requirements.in -o requirements.txt
	@$(LOCK) requirements-video.in -o requirements-video.txt
	@$(LOCK) requirements-cuda.in -o requirements-cuda.txt
	@$(LOCK) requirements-dev.in -o requirements-dev.txt
