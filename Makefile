# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Some images set it: then each of the many processes compiles again all that it imports.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENVS := .venvs
UV := $(VENVS)/uv/bin/uv
LOCAL := $(VENVS)/local/bin/python
DEV := $(VENVS)/dev/bin/python
# Compiled in this order: the later files take their versions from the first.
LOCKS := dev local realtime lambda cv loadtest bench infra emulator awscli uv

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: $(VENVS)/local/.synced $(VENVS)/emulator/.synced $(VENVS)/cv/.synced ## Run the whole backend on this machine (Ctrl-C stops it)
	@exec $(LOCAL) -m local run

.PHONY: drop
drop: $(VENVS)/local/.synced $(if $(stage),$(VENVS)/infra/.synced,$(VENVS)/emulator/.synced) ## Say what deleting a board's rows would delete: board=forest (stage=prod on AWS); args=--apply does it
	@$(if $(stage),tables=$$($(VENVS)/infra/bin/python -m infra.settings $(stage)); exec $(LOCAL) -m ops.boards drop $$tables,exec $(LOCAL) -m local drop) $(or $(board),$(error Say which: board=forest)) $(args)

.PHONY: rekey
rekey: $(VENVS)/local/.synced $(if $(stage),$(VENVS)/infra/.synced,$(VENVS)/emulator/.synced) ## Say how many rows of a board would be written again, by today's catalogue: board=forest (stage=prod on AWS); args=--apply does it
	@$(if $(stage),tables=$$($(VENVS)/infra/bin/python -m infra.settings $(stage)); exec $(LOCAL) -m ops.boards rekey $$tables,exec $(LOCAL) -m local rekey) $(or $(board),$(error Say which: board=forest)) $(args)

.PHONY: migrate
migrate: $(VENVS)/local/.synced $(if $(stage),$(VENVS)/infra/.synced,$(VENVS)/emulator/.synced) ## Say what converting the data of 0.1.0 would do (stage=prod on AWS); args=--apply does it
	@$(if $(stage),tables=$$($(VENVS)/infra/bin/python -m infra.settings $(stage)); exec $(LOCAL) -m ops.migrate $$tables,exec $(LOCAL) -m local migrate) $(args)

.PHONY: tables
tables: $(VENVS)/infra/.synced node_modules/.installed ## Deploy a stage's tables alone, as before `make migrate`: stage=dev
	@tables=$$($(VENVS)/infra/bin/python -m infra.settings $(or $(stage),dev)); npx cdk deploy $${tables}data --exclusively --context stage=$(or $(stage),dev) $(args)

.PHONY: index
index: $(VENVS)/local/.synced $(if $(stage),$(VENVS)/infra/.synced,$(VENVS)/emulator/.synced) ## Count a board's rows, so that ranks are looked up: board=forest, or all boards (stage=prod on AWS); can be interrupted
	@$(if $(stage),tables=$$($(VENVS)/infra/bin/python -m infra.settings $(stage)); exec $(LOCAL) -m ops.index $$tables,exec $(LOCAL) -m local index) $(board) $(args)

.PHONY: players
players: $(VENVS)/local/.synced ## Run a handful of simulated players against `make run`
	@exec $(LOCAL) -m local players

.PHONY: loadtest
loadtest: $(VENVS)/loadtest/.synced $(if $(findstring --season,$(args)),$(VENVS)/local/.synced $(VENVS)/emulator/.synced $(VENVS)/cv/.synced) ## Let simulated players loose on `make run` for two minutes; args="--help" for more
	@exec $(VENVS)/loadtest/bin/python -m loadtest $(args)

.PHONY: cost
cost: $(VENVS)/loadtest/.synced ## Price a month on AWS; args="--players 100000", args="--help" for more
	@exec $(VENVS)/loadtest/bin/python -m cost $(args)

.PHONY: bench
bench: $(VENVS)/bench/.synced $(VENVS)/emulator/.synced node_modules/.installed ## Measure ours beside the peers; only=push for one of them
	@exec $(VENVS)/bench/bin/python -m bench $(if $(only),--only $(only)) $(args)

.PHONY: synth
synth: $(VENVS)/infra/.synced ## Write the CloudFormation templates of dev and prod to cdk.out/, without an AWS account
	@# Any image: without one the portraits' stack would not be among them.
	@for stage in dev prod; do \
	  rm -rf cdk.out/$$stage; \
	  CDK_OUTDIR=cdk.out/$$stage $(VENVS)/infra/bin/python -m infra.app --stage $$stage --image any; done

.PHONY: bootstrap
bootstrap: $(VENVS)/infra/.synced node_modules/.installed ## Prepare a stage's AWS account and Region for the CDK, once: stage=dev
	@npx cdk bootstrap --context stage=$(or $(stage),dev) $(args)

.PHONY: deploy
deploy: $(VENVS)/infra/.synced $(VENVS)/local/.synced node_modules/.installed ## Deploy a stage's stacks to AWS: stage=dev image=<digest>
	@# Not a step of the stacks: what they deploy is what would do the harm.
	@tables=$$($(VENVS)/infra/bin/python -m infra.settings $(or $(stage),dev)); $(LOCAL) -m ops.boards check $$tables
	@npx cdk deploy --all --context stage=$(or $(stage),dev) $(if $(image),--context image=$(image)) $(args)

.PHONY: destroy
destroy: $(VENVS)/infra/.synced node_modules/.installed ## Take a stage's stacks down again: stage=dev
	@# Any image: without one the portraits' stack would not be among them.
	@npx cdk destroy --all --context stage=$(or $(stage),dev) --context image=any $(args)

.PHONY: test
test: lint test-web $(VENVS)/infra/.synced $(VENVS)/emulator/.synced $(VENVS)/awscli/.synced $(VENVS)/cv/.synced node_modules/.installed ## Check style and types, run every test
	@tests/install-packages
	@# In three processes, for two cores: tests of emulators and browsers wait. What has to stay together is in tests/conftest.py.
	@# `lint` has judged the English. The tests' own calls of make are no part of this one: they have neither its
	@# `--jobs`, nor do they say which folder they enter.
	@env -u MAKEFLAGS -u MAKELEVEL $(DEV) -m pytest --numprocesses 3 --no-loadscope-reorder --ignore tests/unit/test_plain_english.py $(args)

# Schemathesis takes a second to load, and only tests/e2e needs it.
LIGHT := -p no:schemathesis
# Neither network, root nor browser. On two cores 83 seconds once the type check is warm (time make check).
QUICK := game runtime api realtime test_house_plan.py
.PHONY: check
check: lint test-web ## Check style and types, run the quick tests: for while you work
	@$(DEV) -m pytest $(LIGHT) --quiet --numprocesses 2 --ignore tests/unit/realtime/push $(addprefix tests/unit/,$(QUICK)) $(args)

.PHONY: test-web
test-web: node_modules/.installed ## Test the JavaScript client, and check its types
	@node_modules/.bin/tsc --noEmit --project clients/web
	@node --test tests/unit/web/*.test.mjs

.PHONY: lint
lint: $(VENVS)/dev/.synced ## Check style and types
	@$(VENVS)/dev/bin/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@$(VENVS)/dev/bin/ruff check --quiet .
	@$(VENVS)/dev/bin/lint-imports --no-cache > /dev/null || $(VENVS)/dev/bin/lint-imports --no-cache
	@found=$$($(DEV) -m pytest $(LIGHT) --quiet tests/unit/test_plain_english.py 2>&1) || { echo "$$found"; exit 1; }
	@$(VENVS)/dev/bin/mypy

.PHONY: docs
docs: $(VENVS)/local/.synced ## Write the reference pages and the web client's constants from the code
	@$(LOCAL) -m local.reference

.PHONY: package
package: node_modules/.installed ## Pack the web client as an npm package, with types for TypeScript
	@cd clients/web && npm pack --silent --pack-destination ../..

.PHONY: format
format: $(VENVS)/dev/.synced ## Format the code, mend what can be mended
	@$(VENVS)/dev/bin/ruff check --fix --quiet .
	@$(VENVS)/dev/bin/ruff format --quiet .

.PHONY: lock
lock: $(UV) ## Lock requirements/*.in into requirements/*.txt, with hashes
	@cd requirements && for name in $(LOCKS); do \
	  case $$name in dev|emulator|awscli|uv) constraint= ;; *) constraint="--constraint dev.txt" ;; esac; \
	  ../$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --override overrides.txt $$constraint $(if $(upgrade),--upgrade) $$name.in -o $$name.txt; done

.PHONY: clean
clean: ## Remove environments and caches (the data under .podium/ stays)
	@rm -rf $(VENVS) .mypy_cache .ruff_cache .pytest_cache .hypothesis cdk.out
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Podium needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv --clear $(VENVS)/uv
	@$(VENVS)/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

node_modules/.installed: package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

# One environment a deployable, exactly what its lock file says.
$(VENVS)/%/.synced: requirements/%.txt $(UV)
	@echo "Installing $< into $(VENVS)/$*" >&2
	@$(UV) venv --quiet --clear --python $(PYTHON) $(VENVS)/$*
	@$(UV) pip sync --quiet --require-hashes --python $(VENVS)/$*/bin/python $<
	@touch $@
