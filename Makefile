# `make` alone tells what there is. Everything happens in .venv; only Python 3.11+ is needed.

.DEFAULT_GOAL := help
LINTS := lint-types lint-secrets lint-style lint-licences lint-imports lint-migrations
.PHONY: help run test coverage test-faults load bench lint $(LINTS) test-ml clip pins licences sbom
.DELETE_ON_ERROR:

# Images often forbid Python's caches: each of the hundreds of processes that tests start would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
PY := .venv/bin/python
# A SHA-256 of a file is no secret; the invented log-ins of tests are none either.
NO_SECRETS := $(PY) .venv/bin/detect-secrets-hook --exclude-lines '(?i)sha256'
INVENTED := --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector
# What the service installs, under which terms; without versions, so that it changes with the terms.
LICENCES := $(PY) -m piplicenses --format markdown --no-version --packages \
	$(shell sed -n "s/^\([A-Za-z0-9_.-]*\)\(\[.*\]\)\{0,1\}==.*/\1/p" requirements/base.txt)
CLIP := clip-vit-b-32-openai
PIP := -m pip --disable-pip-version-check --no-input
FIND_PYTHON := for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	python=; done; \
	[ "$$python" ] || { echo "Raiox needs Python 3.11 or newer with venv (Debian, Ubuntu: apt install" \
	"python3-venv). Set PYTHON=/path/to/python3 if it is not in the PATH." >&2; exit 1; }
MAKE_VENV := $(FIND_PYTHON); $(PY) -m pip --version >/dev/null 2>&1 || $$python -m venv --clear .venv

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: .venv/base.stamp  ## Start everything on this machine (PORT=8000); Ctrl-C stops it
	@exec $(PY) manage.py up

test: .venv/dev.stamp  ## Run all the tests
coverage: .venv/dev.stamp  ## Run all the tests, and say which lines none of them reaches (takes half as long again)
coverage: COVERAGE := --cov --cov-fail-under=90
test coverage:
	@$(PY) -m tests.chromium
	@$(PY) -m tests.redis_server
	@$(PY) -m tests.deploy.tools
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(COVERAGE)

test-faults: .venv/dev.stamp  ## Kill processes, database, storage and Jotform in the middle of 200 cases
	@printf '%s\n' film payload answer | xargs -n 1 -P 3 $(PY) -m tests.fuzz --seconds 25
	@$(PY) -m pytest tests/faults

load: .venv/dev.stamp  ## 100 webhooks/s for 60 s on a service of its own (SECONDS=10, RATE=20, HOST=https://…)
	@$(PY) -m deploy.load $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RATE),--rate $(RATE)) \
		$(if $(filter http%,$(HOST)),--host $(HOST))

bench: .venv/dev.stamp  ## Each target beside its baseline (FULL=1: 100,000 references too, 6 to 20 minutes more)
	@$(PY) -c 'import hnswlib' 2>/dev/null || $(PY) $(PIP) install --quiet hnswlib==0.8.0 2>/dev/null || \
		echo "hnswlib could not be built here (it needs a compiler): its row says numpy instead."
	@$(PY) -m deploy.bench $(if $(FULL),--full)

lint: .venv/dev.stamp  ## Check style, types, import directions and migrations
	@$(MAKE) --no-print-directory -j 2 -O $(LINTS)

# Beside each other, what takes longest first; -O keeps what each one says together.
lint-types:
	@$(PY) -m mypy

lint-style:
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

lint-secrets:
	@git ls-files -z ':!tests' ':!requirements/*.txt' | xargs -0 $(NO_SECRETS)
	@git ls-files -z tests | xargs -0 $(NO_SECRETS) $(INVENTED)

lint-licences:
	@$(LICENCES) | diff - LICENCES.md || { echo "LICENCES.md is not true: make licences" >&2; exit 1; }

lint-imports:
	@$(PY) .venv/bin/lint-imports

lint-migrations:
	@RAIOX_ENV=test $(PY) manage.py makemigrations --check --dry-run

test-ml: .venv-ml/ml.stamp  ## Compare exported encoders with their originals (installs torch)
	@.venv-ml/bin/python -m pytest tests/ml

clip: .venv-ml/ml.stamp .venv/base.stamp  ## Let CLIP (ViT-B/32, openai) answer: export, re-embed, activate (needs internet)
	@.venv-ml/bin/python manage.py export_encoder --model ViT-B-32 --pretrained openai
	@$(PY) manage.py migrate --no-input --verbosity 0
	@$(PY) manage.py reembed --encoder $(CLIP)
	@$(PY) manage.py activate_encoder $(CLIP)

pins: .venv/dev.stamp  ## Choose newer versions of all packages, with hashes
	@for name in base dev ml; do $(PY) -m uv pip compile --quiet --upgrade --generate-hashes --no-strip-extras \
		--python-version 3.11 requirements/$$name.in -o requirements/$$name.txt || exit 1; done

licences: .venv/dev.stamp  ## Write LICENCES.md: what the service is made of, and under which terms
	@$(LICENCES) > LICENCES.md

sbom: .venv/base.stamp .venv/dev.stamp  ## Write var/sbom.json (CycloneDX) of what the service runs on
	@mkdir -p var
	@$(PY) -m cyclonedx_py requirements requirements/base.txt --output-reproducible \
		--output-format JSON --output-file var/sbom.json
	@echo "var/sbom.json"

# A stamp is as new as the requirements that were installed, so the next start asks pip nothing.
.venv/base.stamp: requirements/base.txt
	@$(MAKE_VENV)
	@echo "Installing requirements/base.txt (a minute or two the first time) ..."
	@$(PY) $(PIP) install --quiet --requirement requirements/base.txt
	@touch $@

# It holds what base.txt does, so pip runs once for both.
.venv/dev.stamp: requirements/dev.txt requirements/base.txt
	@$(MAKE_VENV)
	@echo "Installing requirements/dev.txt (a minute or two the first time) ..."
	@$(PY) $(PIP) install --quiet --requirement requirements/dev.txt
	@touch .venv/base.stamp $@

.venv-ml/ml.stamp: requirements/ml.txt
	@$(FIND_PYTHON); $(@D)/bin/python -m pip --version >/dev/null 2>&1 || $$python -m venv --clear $(@D)
	@echo "Installing requirements/ml.txt (torch: several minutes) ..."
	@$(@D)/bin/python $(PIP) install --quiet --requirement requirements/ml.txt
	@touch $@
