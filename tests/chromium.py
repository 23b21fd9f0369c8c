"""The browser of the browser tests: found, or installed by `python -m tests.chromium`.

Chromium without windows comes first: it draws the same pages with less work. Then the
system's usual Chromium, then Playwright's own. `make test` installs one if there is none, and fails
if that fails: a test that needs the browser is never skipped.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, Playwright, sync_playwright

_NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable",
)  # fmt: skip
# Chromium's own sandbox does not work for root, nor in most containers.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]


def find(playwright: Playwright) -> str | None:
    """The path of a Chromium on this machine, for `launch(executable_path=...)`."""
    own = playwright.chromium.executable_path
    found = (shutil.which(name) for name in _NAMES)
    return next(filter(None, found), own if Path(own).exists() else None)


def problem() -> str:
    """What is wrong with the browser of this machine; empty when it opens a page."""
    with sync_playwright() as playwright:
        path = find(playwright)
        if path is None:
            return "there is no Chromium"
        try:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            browser.new_page().goto("data:text/html,raiox")
            browser.close()
        except Error as error:
            return f"{path} does not start: {error.message.splitlines()[0]}"
    return ""


def main() -> int:
    """Install what is missing; 1 with a reason when no browser works in the end."""
    for command in _installers():
        if not problem():
            return 0
        print(f"Installing Chromium for the browser tests: {' '.join(command)}", flush=True)
        subprocess.run(command, check=False)
    if reason := problem():
        print(f"The browser tests need Chromium, but {reason}. Install it.", file=sys.stderr)
        return 1
    return 0


def _installers() -> list[list[str]]:
    own = [sys.executable, "-m", "playwright", "install", "chromium"]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return [own]
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends"
    either = f"{install} chromium-headless-shell || {install} chromium"
    apt = ["sh", "-c", f"apt-get update -qq && {{ {either}; }}"]
    return [apt, [*own, "--with-deps"]]


if __name__ == "__main__":
    sys.exit(main())
