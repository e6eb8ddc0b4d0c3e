# The most important commands are `make run` and `make test`. `make help` lists all.

# Variables for the commands: PORT (run), HEADED SLOWMO K (e2e), KEEP (backup), DOWN_SINCE (restore), ROUNDS (bench), STEPS (drill-fork), PYTHON (creates .venv).
export PORT HEADED SLOWMO K KEEP DOWN_SINCE ROUNDS STEPS PYTHON

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z0-9-]+:.*## / {print $$1}' $(MAKEFILE_LIST))

run: ## Set up what is missing and serve the shop at http://127.0.0.1:8000 (PORT=8001: another port)
	@scripts/python.sh scripts/run_site.py

test: ## Set up what is missing and run the shop's checks: style, types, unit, integration and browser tests
	@scripts/python.sh scripts/run_tests.py

test-sandbox: ## Run the tests of packages/stripe-sandbox
	@scripts/python.sh scripts/run_tests.py sandbox

test-soak: ## Run a small part of the soak tests and drills: random events, crashes, restores, slow clients
	@scripts/python.sh scripts/run_tests.py soak

test-queries: ## Check the number of database queries of pages and webhooks, and that no query scans a table
	@scripts/python.sh scripts/run_tests.py queries

test-postgres: ## Run the tests with temporary PostgreSQL and Redis servers (ARGS="-k refund" selects tests)
	@scripts/python.sh scripts/run_postgres.py $(ARGS)

test-next: ## Run the tests with the newest Django and installed Python (ARGS="-k refund" selects tests)
	@scripts/python.sh scripts/run_next.py $(ARGS)

e2e: ## Run the browser tests (HEADED=1 shows the browser, SLOWMO=300 slows it down, K=refused selects tests)
	@scripts/python.sh scripts/run_e2e.py

e2e-stripe: ## Run the purchase tests against Stripe's test mode (needs STRIPE_SECRET_KEY=sk_test_… in .env)
	@scripts/python.sh scripts/run_e2e.py stripe

soak: ## Test 10,000 random sequences of events (SCHEDULES=500 tests fewer, SEED=123 repeats a failure)
	@scripts/python.sh scripts/run_soak.py soak

drill-kill: ## Kill the server at random moments during 200 checkouts (CHECKOUTS=50 KILLS=10)
	@scripts/python.sh scripts/run_soak.py kill

drill: ## Back up, destroy and restore a shop, on SQLite and PostgreSQL, and compare its purchases
	@scripts/python.sh scripts/run_soak.py restore

drill-faults: ## Test with a hanging Stripe or mail server, kills and 500 webhooks a second, on SQLite and PostgreSQL (SECONDS=60)
	@scripts/python.sh scripts/run_soak.py faults

drill-fork: ## Change a copy as a founder would, run its tests, merge a release into it (STEPS=language,field; CI=true tests once)
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/drill_fork.py

try-container: ## Build and start the image, with and without the sandbox (Docker also tests compose.yaml; or buildah)
	@scripts/python.sh scripts/try_container.py

backup: ## Back up database and files to var/backups/ while the site runs (KEEP=14: number of archives to keep)
	@scripts/python.sh scripts/backup.py backup

restore: ## Restore a backup while the site is stopped: make restore FILE=var/backups/….tar.gz
	@scripts/python.sh scripts/backup.py restore "$(FILE)"

lint: ## Check code style, types and imports between apps
	@scripts/python.sh scripts/run_tests.py style format types imports

format: ## Format the code and fix what can be fixed automatically
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python -m ruff check --fix .
	@.venv/bin/python -m ruff format .

screenshots: ## Take screenshots of all pages and states (var/screenshots/sheet.html), and README's images (docs/)
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/browser.py
	@.venv/bin/python scripts/take_screenshots.py
	@.venv/bin/python -m pytest -q -n auto --maxprocesses 4 tests/e2e/gallery.py
	@echo "All screenshots: var/screenshots/sheet.html"

audit: ## Audit all pages: Lighthouse, page weight, valid HTML, accessibility (needs Node; var/audit/report.html)
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/browser.py
	@.venv/bin/python scripts/audit.py

bench: ## Run the benchmarks (ARGS="pages webhooks" selects some, ROUNDS=7: repetitions; var/bench/report.md)
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/bench.py $(ARGS)

requirements: ## Compile requirements*.in to requirements*.txt (ARGS=--upgrade, ARGS="--upgrade-package django")
	@scripts/python.sh scripts/environment.py
	@for name in requirements requirements-optional requirements-dev requirements-uv; do \
		PATH=".venv/bin:$$PATH" uv pip compile -q --no-config --universal --generate-hashes --python-version 3.11 \
			--custom-compile-command "make requirements  (uv pip compile --universal --python-version 3.11)" \
			$(ARGS) $$name.in -o $$name.txt || exit 1; done

messages: ## Update the translations in locale/ from the code and templates, and compile them
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/messages.py

clean: ## Remove .venv and caches, but not .env and your data in var/
	@rm -rf .venv .venv-next .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
	@find apps config packages scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
