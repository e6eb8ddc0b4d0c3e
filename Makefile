# The most important commands are `make run` and `make test`. `make help` lists all.

# Variables for the commands: PORT (run), HEADED SLOWMO K (e2e), KEEP (backup), ROUNDS (bench), PYTHON (creates .venv).
export PORT HEADED SLOWMO K KEEP ROUNDS PYTHON

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z0-9-]+:.*## / {print $$1}' $(MAKEFILE_LIST))

run: ## Set up what is missing and serve the shop at http://127.0.0.1:8000 (PORT=8001 moves it)
	@scripts/python.sh scripts/run_site.py

test: ## Set up what is missing and run every check: style, types, unit, integration and browser tests
	@scripts/python.sh scripts/run_tests.py

test-sandbox: ## The tests of packages/stripe-sandbox alone
	@scripts/python.sh scripts/run_tests.py sandbox

test-postgres: ## The tests on PostgreSQL and Redis, started for it and removed again (ARGS="-k refund" chooses)
	@scripts/python.sh scripts/run_postgres.py $(ARGS)

test-next: ## The tests on the newest Django and Python at hand, warnings as errors (ARGS="-k refund" chooses)
	@scripts/python.sh scripts/run_next.py $(ARGS)

e2e: ## Browser tests alone (HEADED=1 shows the browser, SLOWMO=300 slows it down, K=refused chooses)
	@scripts/python.sh scripts/run_e2e.py

e2e-stripe: ## Purchase tests against Stripe's own test mode (needs STRIPE_SECRET_KEY=sk_test_… in .env)
	@scripts/python.sh scripts/run_e2e.py stripe

soak: ## 10,000 random schedules of buyers, Stripe and operator (SCHEDULES=500; SEED=123 plays a failure again)
	@scripts/python.sh scripts/run_soak.py soak

drill-kill: ## kill -9 of the server at random moments during 200 checkouts (CHECKOUTS=50 KILLS=10)
	@scripts/python.sh scripts/run_soak.py kill

drill: ## Purchases, backup, catastrophe, restore, the same purchases: on SQLite and on PostgreSQL
	@scripts/python.sh scripts/run_soak.py restore

drill-faults: ## Stripe hangs, mail hangs, a kill in every step, 500 webhooks a second: on SQLite and PostgreSQL (SECONDS=60)
	@scripts/python.sh scripts/run_soak.py faults

try-container: ## Build the image with and without the sandbox and start it (Docker: all of compose.yaml; or buildah)
	@scripts/python.sh scripts/try_container.py

backup: ## Database and files of this site into var/backups/, while it runs (KEEP=14 archives stay)
	@scripts/python.sh scripts/backup.py backup

restore: ## Put them back, while the site is stopped: make restore FILE=var/backups/….tar.gz
	@scripts/python.sh scripts/backup.py restore "$(FILE)"

lint: ## Style, types, and which app may import which
	@scripts/python.sh scripts/run_tests.py style format types imports

format: ## Rewrite the code in the house style
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python -m ruff check --fix .
	@.venv/bin/python -m ruff format .

screenshots: ## Every page and state, three screens, light and dark (var/screenshots/sheet.html); README's pictures (docs/)
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/browser.py
	@.venv/bin/python scripts/take_screenshots.py
	@.venv/bin/python -m pytest -q -n auto --maxprocesses 4 tests/e2e/gallery.py
	@echo "var/screenshots/sheet.html shows all of them"

audit: ## Lighthouse, budgets, HTML validity, axe on every page, state, theme and width (needs Node); var/audit/report.html
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/browser.py
	@.venv/bin/python scripts/audit.py

bench: ## How fast it is, in ratios: bare view, dj-stripe, growth (ARGS="pages webhooks" selects; ROUNDS=7); var/bench/report.md
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/bench.py $(ARGS)

requirements: ## Compile requirements*.in to requirements*.txt (ARGS=--upgrade, ARGS="--upgrade-package django")
	@scripts/python.sh scripts/environment.py
	@for name in requirements requirements-optional requirements-dev requirements-uv; do \
		PATH=".venv/bin:$$PATH" uv pip compile -q --no-config --universal --generate-hashes --python-version 3.11 \
			--custom-compile-command "make requirements" $(ARGS) $$name.in -o $$name.txt || exit 1; done

messages: ## Bring the translations in locale/ up to date with the texts in the code, and compile them
	@scripts/python.sh scripts/environment.py dev
	@.venv/bin/python scripts/messages.py

clean: ## Remove .venv and caches; .env and your data in var/ stay
	@rm -rf .venv .venv-next .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
	@find apps config packages scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
