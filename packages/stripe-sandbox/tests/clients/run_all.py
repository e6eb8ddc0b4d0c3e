"""Run public clients, unmodified: every major version of Stripe's SDKs, and packages that use them.

It needs pip, npm and a network.

    python tests/clients/run_all.py                  # all clients, in a temporary folder
    python tests/clients/run_all.py --folder clients # keep the installed clients for the next run
    python tests/clients/run_all.py python-10 node-14
    python tests/clients/run_all.py --write          # also write the results into README.md

The Python that runs this script must have stripe-sandbox installed.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
START, END = "<!-- clients: written by tests/clients/run_all.py -->\n", "<!-- end of clients -->\n"
# name ▶ (script, packages as pip or npm names them)
CLIENTS: dict[str, tuple[str, list[str]]] = {
    **{f"python-{major}": ("python_client.py", [f"stripe=={major}.*"]) for major in range(10, 17)},
    **{f"node-{major}": ("node_client.js", [f"stripe@{major}"]) for major in range(14, 24)},
    "dj-stripe": ("dj_stripe_client.py", ["dj-stripe==2.11.*"]),
    "billing-e2e": ("billing_client.py", ["billing-e2e==0.1.*"]),
    "better-auth": (
        "better_auth_client.mjs",
        # With core named, npm does not combine versions that need different versions of better-call.
        ["better-auth@1.7.6", "@better-auth/core@1.7.6", "@better-auth/stripe@1.7.6", "stripe@22"],
    ),
    "stripe-sync-engine": (
        "sync_engine_client.mjs",
        [
            "@supabase/stripe-sync-engine@0.48",
            "stripe@23",
            "@electric-sql/pglite@0.5",
            "@electric-sql/pglite-socket@0.2",
        ],
    ),
}
NAMES = list(CLIENTS)


def install(name: str, folder: Path) -> list[str]:
    """Install the client, unless that was done before. Return the command without the port."""
    source, packages = CLIENTS[name]
    done = folder / "installed"
    if source.endswith(".py"):
        python = str(folder / "bin" / "python")
        if not done.exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
            subprocess.run(pip, check=True)
        command = [python, str(HERE / source)]
    else:
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", *packages]
            subprocess.run(npm, cwd=folder, check=True)
        script = folder / source  # Node finds node_modules next to the script
        script.write_text((HERE / source).read_text())
        command = ["node", str(script)]
    done.touch()
    return command


@contextmanager
def serve() -> Iterator[int]:
    """Run `stripe-sandbox serve` with an empty file. Yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTHON"))
        }
        command = [sys.executable, "-m", "stripe_sandbox.server.cli", "serve", "--port", str(port)]
        with log.open("w") as output:
            process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
        try:
            for _ in range(600):
                if "Control panel" in log.read_text():
                    break
                time.sleep(0.05)
            else:
                raise SystemExit(log.read_text())
            yield port
        finally:
            process.terminate()
            process.wait(20)


def run(name: str, command: list[str]) -> tuple[str, bool]:
    """Return the client's row of the table, and whether all of its calls succeeded."""
    with serve() as port:
        done = subprocess.run([*command, str(port)], capture_output=True, text=True, check=False, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    client, *calls = lines or [{"client": name, "api_version": ""}]
    failed = [call for call in calls if call["error"]]
    for call in failed:
        print(f"  {call['call']}: {call['error']}", flush=True)
    passed = done.returncode == 0 and not failed
    result = f"{len(calls)} passed" if passed else f"{len(failed)} of {len(calls)} failed"
    if done.returncode and not failed:
        print(done.stderr, flush=True)
    return f"| {client['client']} | {client['api_version']} | {result} |\n", passed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="CLIENT", help=", ".join(NAMES))
    parser.add_argument("--folder", type=Path, help="where the clients are installed")
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"unknown clients: {', '.join(sorted(unknown))}")
    table, all_passed = "| client | API version | calls |\n|---|---|---|\n", True
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.names or NAMES:
            print(name, flush=True)
            folder = (options.folder or Path(temporary)).resolve() / name
            row, passed = run(name, install(name, folder))
            table, all_passed = table + row, all_passed and passed
    print(table)
    if options.write:
        text = README.read_text()
        before, rest = text.split(START)
        README.write_text(before + START + table + END + rest.split(END)[1])
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
