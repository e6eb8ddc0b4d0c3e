"""`make audit`: run Lighthouse, html-validate and axe on the shop as in production, with 30 products.

    .venv/bin/python scripts/audit.py

Lighthouse (mobile) and html-validate check the pages in PAGES; the browser tests check all pages, states, themes and
widths. Writes var/audit/report.html and Lighthouse's reports, prints a summary, and fails if a page exceeds its budget.
Needs Node 20 or newer with npm.
"""

from __future__ import annotations

import html
import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Playwright, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import ARGS, launch_options  # noqa: E402
from scripts.throwaway_shop import throwaway_shop  # noqa: E402
from tests.e2e.journeys import buy  # noqa: E402

TOOLS = ROOT / "var" / "audit-tools"
REPORTS = ROOT / "var" / "audit"
CATEGORIES = {
    "performance": "fast",
    "accessibility": "for everybody",
    "best-practices": "sound",
    "seo": "found",
}
MOST_BYTES = 60_000  # over the wire, without product images
MOST_REQUESTS = 10  # without product images
SLOWEST_LCP = 1200  # ms
PICTURES = ("/media/", "/art/", "/static/stripe_sandbox/art/")  # products of the demo shop have static images
BOUGHT = "tiny-tools"
COLUMNS = ("page", *CATEGORIES.values(), "LCP ms", "CLS", "bytes", "requests", "third parties", "HTML")


@dataclass
class Row:
    """The results for one page."""

    cells: list[str]
    faults: list[str] = field(default_factory=list)


def main() -> None:
    node = _tools()
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    shop = throwaway_shop(
        ["-m", "tests.audit.setup_shop"],
        ["-m", "config.server"],
        DEBUG="false",
        STRIPE_SANDBOX="true",
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS="127.0.0.1",
    )
    with shop as open_shop, sync_playwright() as playwright:
        cookie = json.loads(open_shop.said.strip().splitlines()[-1])
        address = open_shop.address
        pages = {
            "home": ("/", None),
            "store": ("/store/", None),
            "product": (f"/store/{BOUGHT}/", None),
            "return": (_bought(playwright, address, cookie), cookie),
            "library": ("/purchases/", cookie),
        }
        rows = [
            _look(node, playwright, name, address + path, visitor) for name, (path, visitor) in pages.items()
        ]
    _report(rows)
    walks = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "auto",
            "--maxprocesses",
            "4",
            "tests/e2e/test_every_page.py",
        ],
        cwd=ROOT,
        env={**os.environ, "AUDIT": "1"},
    )
    faults = [fault for row in rows for fault in row.faults]
    print("\n".join(["", *faults, f"{REPORTS.relative_to(ROOT)}/report.html"]))
    sys.exit(1 if faults or walks.returncode else 0)


def _tools() -> Path:
    """Install the versions of tests/audit/package.json and return the folder of their programs."""
    if not shutil.which("npm"):
        sys.exit(
            "make audit needs Node 20 or newer with npm: https://nodejs.org. `make test` does what needs neither."
        )
    wanted = (ROOT / "tests/audit/package.json").read_text()
    have = TOOLS / "package.json"
    if not (
        have.is_file() and have.read_text() == wanted and (TOOLS / "node_modules/.bin/lighthouse").exists()
    ):
        print("Installing Lighthouse and html-validate (once)", flush=True)
        TOOLS.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(TOOLS), "--no-audit", "--no-fund", "--no-package-lock"]
        have.write_text(wanted)
        if subprocess.run([*install, "--loglevel=error"], cwd=TOOLS).returncode:
            have.unlink()
            sys.exit("npm could not install them. Is there a network?")
    return TOOLS / "node_modules" / ".bin"


def _bought(playwright: Playwright, address: str, cookie: dict[str, str]) -> str:
    """Buy a product and return the URL of the return page."""
    browser = playwright.chromium.launch(**launch_options(playwright.chromium.executable_path))
    context = browser.new_context(base_url=address)
    context.add_cookies([{**cookie, "url": address}])  # type: ignore[list-item]
    page = context.new_page()
    buy(page, BOUGHT)
    back = urlsplit(page.url)
    browser.close()
    return f"{back.path}?{back.query}"


def _look(node: Path, playwright: Playwright, name: str, url: str, cookie: dict[str, str] | None) -> Row:
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"} if cookie else {}
    print(f"Lighthouse: {name}", flush=True)
    found = _lighthouse(node, playwright, name, url, headers)
    scores = [round((found["categories"][category]["score"] or 0) * 100) for category in CATEGORIES]
    lcp = found["audits"]["largest-contentful-paint"]["numericValue"]
    cls = found["audits"]["cumulative-layout-shift"]["numericValue"]
    requests = found["audits"]["network-requests"]["details"]["items"]
    here = urlsplit(url).netloc
    strangers = [r["url"] for r in requests if urlsplit(r["url"]).netloc not in (here, "")]
    over_the_wire = [r for r in requests if r["transferSize"]]  # without what the browser has cached
    own = [r for r in over_the_wire if not urlsplit(r["url"]).path.startswith(PICTURES)]
    weight = sum(r["transferSize"] for r in own)
    invalid = _validate(node, name, url, headers)
    limits = [
        *(
            (score < 100, f"{category} is {score}, not 100")
            for category, score in zip(CATEGORIES, scores, strict=True)
        ),
        (lcp > SLOWEST_LCP, f"LCP is {lcp:.0f} ms, more than {SLOWEST_LCP}"),
        (cls > 0, f"CLS is {cls}, not 0"),
        (weight > MOST_BYTES, f"{weight} bytes without product images, more than {MOST_BYTES}"),
        (len(own) > MOST_REQUESTS, f"{len(own)} requests without product images, more than {MOST_REQUESTS}"),
        (bool(strangers), f"asks strangers: {strangers[:3]}"),
        *((True, f"HTML: {complaint}") for complaint in invalid),
    ]
    cells = [
        name,
        *map(str, scores),
        f"{lcp:.0f}",
        f"{cls:.3f}",
        f"{weight}",
        f"{len(own)}",
        f"{len(strangers)}",
    ]
    row = Row([*cells, "valid" if not invalid else f"{len(invalid)} faults"])
    row.faults = [f"{name}: {words}" for broken, words in limits if broken]
    return row


def _lighthouse(node: Path, playwright: Playwright, name: str, url: str, headers: dict[str, str]) -> Any:
    """Return Lighthouse's result, and write its report into var/audit/."""
    chromium = launch_options(playwright.chromium.executable_path)["executable_path"]
    command = [
        node / "lighthouse",
        url,
        "--quiet",
        "--output=json",
        "--output=html",
        f"--output-path={REPORTS / name}",
        f"--extra-headers={json.dumps(headers)}",
        f"--only-categories={','.join(CATEGORIES)}",
        # Pages of one buyer are not indexed, which Lighthouse counts as a fault.
        *(["--skip-audits=is-crawlable"] if headers else []),
        f"--chrome-flags={' '.join(['--headless=new', *ARGS])}",
    ]
    subprocess.run(list(map(str, command)), check=True, env={**os.environ, "CHROME_PATH": chromium}, cwd=ROOT)
    return json.loads((REPORTS / f"{name}.report.json").read_text())


def _validate(node: Path, name: str, url: str, headers: dict[str, str]) -> list[str]:
    """Return what html-validate finds."""
    import requests

    text = REPORTS / f"{name}.html"
    text.write_text(requests.get(url, headers=headers, timeout=30).text)
    rules = REPORTS / ".htmlvalidate.json"
    rules.write_text(json.dumps({"root": True, "extends": ["html-validate:standard"]}))
    command = [str(node / "html-validate"), "--config", str(rules), "--formatter", "json", str(text)]
    done = subprocess.run(command, capture_output=True, text=True)
    return [
        f"line {message['line']}: {message['message']} ({message['ruleId']})"
        for result in json.loads(done.stdout or "[]")
        for message in result["messages"]
    ]


def _report(rows: list[Row]) -> None:
    """Return the table as an HTML page with links to Lighthouse's reports."""
    for row in [Row(list(COLUMNS)), *rows]:
        print("  ".join(f"{cell:>13}" for cell in row.cells), flush=True)
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    body = "".join(
        f'<tr><td><a href="{row.cells[0]}.report.html">{row.cells[0]}</a></td>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row.cells[1:])
        + "</tr>"
        for row in rows
    )
    faults = "".join(f"<li>{html.escape(fault)}</li>" for row in rows for fault in row.faults)
    (REPORTS / "report.html").write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Audit</title>"
        "<style>body{font:16px/1.5 system-ui;margin:2rem}td,th{padding:.3rem .8rem;text-align:right}</style>"
        f"<h1>Audit</h1><table><tr>{head}</tr>{body}</table>"
        f"<h2>To mend</h2><ul>{faults or '<li>Nothing.</li>'}</ul>"
    )


if __name__ == "__main__":
    main()
