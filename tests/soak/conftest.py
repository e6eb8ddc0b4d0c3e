import os

# What only PostgreSQL can suffer; `make test-postgres` has one.
collect_ignore = (
    [] if os.environ.get("DATABASE_URL", "").startswith("postgres") else ["test_database_restart.py"]
)
