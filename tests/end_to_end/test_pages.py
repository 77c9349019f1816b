"""Every page in a headless browser, at the width of a desk and of a phone, light, dark and in print.

axe-core judges what a reader needs: contrast (WCAG 2 AA), texts for images, headings, tables that say what they head.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spiq.pipeline.report.comparison.compared import compared
from spiq.pipeline.report.comparison.page import render as render_comparison
from spiq.pipeline.report.page import render
from spiq.pipeline.validation.report import Gate, Report, read_report
from spiq.pipeline.validation.rung import Rung

WIDTHS = (1280, 400)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser_path() -> str | None:
    """The browser: SPIQ_BROWSER, or a chromium on the PATH."""
    return os.environ.get("SPIQ_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser, started once."""
    path = browser_path()
    if path is None:
        stop = pytest.fail if os.environ.get("SPIQ_REQUIRE_BROWSER") == "1" else pytest.skip
        stop("no browser: `make browser` installs Debian's chromium, or SPIQ_BROWSER names one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, in a container, chromium has no sandbox of its own.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(run: tuple[Path, dict], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by what they show."""
    folder = tmp_path_factory.mktemp("pages")
    real = read_report(run[0] / "report.json")
    long = "a-name-that-is-much-longer-than-any-column-of-a-table-on-a-phone-can-be"
    odd = Report(
        name=long,
        data=long,
        parameters=None,
        steps=0,
        qubits=0,
        shots=1,
        seed=0,
        rungs=[Rung(name=long, skipped=f"{long} {long}"), Rung(name="nir", samples=1, accuracy=1.0, interval=(0, 1))],
        gate=Gate(max_accuracy_drop=0.03, accuracy_drop=None, passed=False),
        training=[],
        versions={long: "1"},
        machine=long,
    )
    made = {
        "report": render(real),
        "odd": render(odd),
        "comparison": render_comparison(compared({"runs/one": real, f"runs/{long}": odd, "runs/three": real})),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("name", ["report", "odd", "comparison"])
def test_a_page_can_be_read_anywhere(name: str, pages: dict[str, Path], browser: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(pages[name].as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert_fits(page, width)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert_fits(page, width)
        # Colours depend on the scheme, and what is scrolled on the width: the phone, where the window is left.
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1000, "height": 700})
    assert_fits(page, 1000)
    assert told == []
    # Nothing but the page itself, and what stands inside it.
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()] * 2
    page.close()


def assert_fits(page: Any, width: int) -> None:
    """Nothing is wider than the window but what scrolls in itself, and no text is cut off by its own box."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.evaluate(
        """() => [...document.querySelectorAll('p, dd, dt, li, h1, h2, h3, h4')]
            .filter(one => one.offsetParent !== null && one.scrollWidth > one.clientWidth + 1)
            .map(one => one.textContent.slice(0, 80))"""
    )
    assert cut == []
    without = page.evaluate(
        """() => [...document.querySelectorAll('img, svg')]
            .filter(one => !(one.getAttribute('alt') || one.querySelector('title') || one.getAttribute('aria-hidden')))
            .length"""
    )
    assert without == 0
