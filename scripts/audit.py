"""`make audit`: run Lighthouse (mobile) and html-validate on eight pages of a shop with 30 products, and axe on all.

Writes var/audit/report.html and Lighthouse's reports. Exits with 1 if a page exceeds its limits. Needs npm and Node 20.
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

import requests
from playwright.sync_api import Playwright, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import ARGS, launch_options  # noqa: E402
from scripts.temporary_shop import temporary_shop  # noqa: E402
from tests.audit.setup_shop import COURSE  # noqa: E402
from tests.e2e.journeys import buy  # noqa: E402

TOOLS = ROOT / "var" / "audit-tools"
REPORTS = ROOT / "var" / "audit"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
MAX_TRANSFER_BYTES = 60_000  # without product images and videos
MAX_REQUESTS = 11  # without product images and videos; three are icons and the manifest
MAX_LCP_MILLISECONDS = 1300
IMAGE_PATHS = ("/media/", "/art/", "/static/stripe_sandbox/art/")
PRODUCT = "tiny-tools"
COLUMNS = ("page", *CATEGORIES, "LCP ms", "CLS", "bytes", "requests", "third parties", "HTML")


@dataclass
class Row:
    cells: list[str]
    problems: list[str] = field(default_factory=list)


def main() -> None:
    programs = _install_programs()
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    shop = temporary_shop(
        ["-m", "tests.audit.setup_shop"],
        ["-m", "config.server"],
        DEBUG="false",
        STRIPE_SANDBOX="true",
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS="127.0.0.1",
    )
    with shop as open_shop, sync_playwright() as playwright:
        chromium = launch_options(playwright.chromium.executable_path)["executable_path"]
        os.environ["CHROME_PATH"] = chromium  # Lighthouse reads this variable
        prepared = json.loads(open_shop.output.strip().splitlines()[-1])
        cookie, lesson = prepared["cookie"], prepared["lesson"]
        _buy_product(playwright, open_shop.url, cookie, COURSE)
        pages = {
            "home": ("/", None),
            "store": ("/store/", None),
            "product": (f"/store/{PRODUCT}/", None),
            "course": (f"/store/{COURSE}/", None),
            "return": (_buy_product(playwright, open_shop.url, cookie, PRODUCT), cookie),
            "library": ("/purchases/", cookie),
            "lessons": (f"/purchases/{COURSE}/lessons/", cookie),
            "lesson": (f"/purchases/{COURSE}/lessons/{lesson}/", cookie),
        }
        rows = [
            _audit_page(programs, name, open_shop.url + path, page_cookie)
            for name, (path, page_cookie) in pages.items()
        ]
    _write_report(rows)
    pytest = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "--maxprocesses", "4"]
    os.environ["AUDIT"] = "1"
    axe = subprocess.run([*pytest, "tests/e2e/test_every_page.py"], cwd=ROOT)
    problems = [problem for row in rows for problem in row.problems]
    print("\n".join(["", *problems, f"{REPORTS.relative_to(ROOT)}/report.html"]))
    sys.exit(1 if problems or axe.returncode else 0)


def _install_programs() -> Path:
    """Install the packages of tests/audit/package.json, and return the folder of their programs."""
    if not shutil.which("npm"):
        sys.exit("make audit needs Node 20 or newer with npm: https://nodejs.org")
    required, installed = (ROOT / "tests/audit/package.json").read_text(), TOOLS / "package.json"
    programs = TOOLS / "node_modules" / ".bin"
    is_current = installed.is_file() and installed.read_text() == required
    if not is_current or not (programs / "lighthouse").exists():
        print("Installing Lighthouse and html-validate (once)", flush=True)
        TOOLS.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(TOOLS), "--no-audit", "--no-fund", "--no-package-lock"]
        installed.write_text(required)
        if subprocess.run([*install, "--loglevel=error"], cwd=TOOLS).returncode:
            installed.unlink()
            sys.exit("npm could not install them; the reason is above. Check the network, then try again.")
    return programs


def _buy_product(playwright: Playwright, shop_url: str, cookie: dict[str, str], slug: str) -> str:
    """Buy the product, and return path and query of the return page."""
    browser = playwright.chromium.launch(**launch_options(playwright.chromium.executable_path))
    context = browser.new_context(base_url=shop_url)
    context.add_cookies([{**cookie, "url": shop_url}])  # type: ignore[list-item]
    page = context.new_page()
    buy(page, slug)
    url = urlsplit(page.url)
    browser.close()
    return f"{url.path}?{url.query}"


def _audit_page(programs: Path, name: str, url: str, cookie: dict[str, str] | None) -> Row:
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"} if cookie else {}
    print(f"Lighthouse: {name}", flush=True)
    result = _run_lighthouse(programs, name, url, headers)
    scores = [round((result["categories"][category]["score"] or 0) * 100) for category in CATEGORIES]
    lcp = result["audits"]["largest-contentful-paint"]["numericValue"]
    cls = result["audits"]["cumulative-layout-shift"]["numericValue"]
    items = result["audits"]["network-requests"]["details"]["items"]
    hosts = ("", urlsplit(url).netloc)
    third_party_urls = [r["url"] for r in items if urlsplit(r["url"]).netloc not in hosts]
    # Requests without a size were answered from the browser's cache.
    transferred = [r for r in items if r["transferSize"] and r.get("resourceType") not in ("Media", None)]
    counted = [r for r in transferred if not urlsplit(r["url"]).path.startswith(IMAGE_PATHS)]
    transfer_bytes = sum(r["transferSize"] for r in counted)
    html_problems = _validate_html(programs, name, url, headers)
    limits = [
        *(
            (score < 100, f"{category} is {score}, not 100")
            for category, score in zip(CATEGORIES, scores, strict=True)
        ),
        (lcp > MAX_LCP_MILLISECONDS, f"LCP is {lcp:.0f} ms, more than {MAX_LCP_MILLISECONDS}"),
        (cls > 0, f"CLS is {cls}, not 0"),
        (transfer_bytes > MAX_TRANSFER_BYTES, f"{transfer_bytes} bytes, more than {MAX_TRANSFER_BYTES}"),
        (len(counted) > MAX_REQUESTS, f"{len(counted)} requests, more than {MAX_REQUESTS}"),
        (bool(third_party_urls), f"sends requests to other sites: {third_party_urls[:3]}"),
        *((True, f"HTML: {problem}") for problem in html_problems),
    ]
    numbers = (*scores, f"{lcp:.0f}", f"{cls:.3f}", transfer_bytes, len(counted), len(third_party_urls))
    html_result = f"{len(html_problems)} problems" if html_problems else "valid"
    problems = [f"{name}: {text}" for is_exceeded, text in limits if is_exceeded]
    return Row([name, *map(str, numbers), html_result], problems)


def _run_lighthouse(programs: Path, name: str, url: str, headers: dict[str, str]) -> Any:
    command = [
        programs / "lighthouse",
        url,
        "--quiet",
        "--output=json",
        "--output=html",
        f"--output-path={REPORTS / name}",
        f"--extra-headers={json.dumps(headers)}",
        f"--only-categories={','.join(CATEGORIES)}",
        # Private pages are not indexed, which Lighthouse would report.
        *(["--skip-audits=is-crawlable"] if headers else []),
        f"--chrome-flags={' '.join(['--headless=new', *ARGS])}",
    ]
    command = list(map(str, command))
    # Lighthouse now and then misses the start of a page load (NO_NAVSTART); its own advice is to run it again.
    if subprocess.run(command, cwd=ROOT).returncode:
        subprocess.run(command, check=True, cwd=ROOT)
    return json.loads((REPORTS / f"{name}.report.json").read_text())


def _validate_html(programs: Path, name: str, url: str, headers: dict[str, str]) -> list[str]:
    page = REPORTS / f"{name}.html"
    page.write_text(requests.get(url, headers=headers, timeout=30).text)
    rules = REPORTS / ".htmlvalidate.json"
    rules.write_text(json.dumps({"root": True, "extends": ["html-validate:standard"]}))
    command = [str(programs / "html-validate"), "--config", str(rules), "--formatter", "json", str(page)]
    done = subprocess.run(command, capture_output=True, text=True)
    return [
        f"line {message['line']}: {message['message']} ({message['ruleId']})"
        for result in json.loads(done.stdout or "[]")
        for message in result["messages"]
    ]


def _write_report(rows: list[Row]) -> None:
    for row in [Row(list(COLUMNS)), *rows]:
        print("  ".join(f"{cell:>14}" for cell in row.cells), flush=True)
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    body = "".join(
        f'<tr><td><a href="{row.cells[0]}.report.html">{row.cells[0]}</a></td>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row.cells[1:])
        + "</tr>"
        for row in rows
    )
    problems = "".join(f"<li>{html.escape(problem)}</li>" for row in rows for problem in row.problems)
    (REPORTS / "report.html").write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Audit</title>"
        "<style>body{font:16px/1.5 system-ui;margin:2rem}td,th{padding:.3rem .8rem;text-align:right}</style>"
        f"<h1>Audit</h1><table><tr>{head}</tr>{body}</table>"
        f"<h2>Problems</h2><ul>{problems or '<li>None</li>'}</ul>"
    )


if __name__ == "__main__":
    main()
