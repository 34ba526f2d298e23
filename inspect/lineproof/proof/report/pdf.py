"""The page as a PDF, where this machine has a browser that prints."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from lineproof.atomic import write_bytes

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge", "chrome")
_TIMEOUT_S = 120


def print_pdf(page: Path, out: Path) -> str:
    """Print `page` to `out`, whole or not at all; the reason why not, or nothing when done."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return f"no browser that prints was found, such as chromium: print {page.name} from any"
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "page.pdf"
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-sandbox",  # containers have none, and the page is our own and loads nothing
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={printed}",
            page.absolute().as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603 (our own words)
        except (OSError, subprocess.SubprocessError) as error:
            return f"{Path(browser).name} did not print: {str(error).splitlines()[0]}"
        if not printed.is_file():
            return f"{Path(browser).name} printed nothing"
        write_bytes(out, printed.read_bytes())
    return ""
