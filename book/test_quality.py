"""The quality of every page in a browser: accessible, complete at three widths, light and dark, light to load, and usable by keyboard."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from book.test_book import HTML, PAGES, SETTLED, address, browser  # noqa: F401

from selenium.webdriver.common.action_chains import ActionChains  # isort: skip
from selenium.webdriver.common.by import By  # isort: skip
from selenium.webdriver.common.keys import Keys  # isort: skip
from selenium.webdriver.remote.webdriver import WebDriver  # isort: skip

WIDTHS = (390, 768, 1280)
HEIGHT = 900
THEMES = ("light", "dark")
MOST_BYTES = 1_500_000
"""Most bytes that a page loads, as they are on the disk: a server that compresses sends about a quarter."""
SOONEST = 2000
"""Milliseconds after which a page must answer a reader, with formulas still being set."""
SERIOUS = ("serious", "critical")
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "dark": ["color-contrast"],
}
"""What axe looks for by theme. Only colours depend on the theme."""
AXE = """
const [rules, done] = arguments;
axe.run(document, rules).then(
  found => done(found.violations.map(v => [v.id, v.impact, v.nodes.slice(0, 3).map(n => n.target.join(" ") + ": " + n.html.slice(0, 160))])),
  error => done(String(error)));
"""
TABS = 40
"""How often Tab is pressed at a time."""
MOST_TABS = 600
"""How often Tab is pressed at most: no page has so many controls."""
SIDEWAYS = "return document.documentElement.scrollWidth - window.innerWidth"
CLIPPED = """
const column = document.querySelector("article").getBoundingClientRect(), found = [];
const seen = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
for (const words of document.querySelectorAll("article .atlas-figure text")) {
  const box = words.getBoundingClientRect();
  const cut = box.left < -1 || box.right > window.innerWidth + 1 || box.width === 0;
  if (cut && words.textContent && seen(words)) found.push("figure: " + words.textContent);
}
for (const part of document.querySelectorAll("article :is(h1, h2, h3, p, li, td, summary, figcaption)")) {
  if (!seen(part) || part.closest(".visually-hidden, mjx-container, svg")) continue;
  const style = getComputedStyle(part);
  const hides = style.overflowX === "hidden" || style.overflowX === "clip" || style.textOverflow === "ellipsis";
  if (hides && part.scrollWidth > part.clientWidth + 1) found.push(part.tagName + ": " + part.textContent.slice(0, 60));
  const scrolls = part.closest(".atlas-wide, .atlas-verdicts, .pst-scrollable-table-container, .table-wrapper, div.math, pre");
  const box = part.getBoundingClientRect();
  if (!scrolls && box.width > 0 && box.right > column.right + 1) found.push("beyond the column: " + part.textContent.slice(0, 60));
}
return found;
"""
WEIGHT = """
return performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .map(entry => [entry.name, entry.decodedBodySize]);
"""
ANSWERS = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
WATCH_FOCUS = """
const places = new Map();
window.focused = [];
document.addEventListener("focusin", ({target}) => {
  if (!places.has(target)) places.set(target, places.size);
  window.focused.push([places.get(target), target.tagName, target.id]);
});
"""
AT_REST = """
const done = arguments[0];
// Formulas are fitted a moment after the width has changed, and figures keep their place then.
setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(true))), 400);
"""
STILL = "document.head.insertAdjacentHTML('beforeend', '<style>*, *::before, *::after { transition: none !important; }</style>')"
CONTROLS = """
return [...document.querySelectorAll("article a[href], article input, article button, article summary, article select, article textarea")]
  .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex < 0 && !e.closest(".headerlink, [aria-hidden=true]")
    && !e.matches(".headerlink, .copybtn"))
  .map(e => e.outerHTML.slice(0, 120));
"""
ONE_OF_EACH_KIND = tuple(
    next(name for name in PAGES if name.startswith(kind))
    for kind in (
        "index",
        "claims/mse-deep",
        "claims/hvae",
        "claims/ce-deep",
        "experiments/",
        "sweeps",
        "tutorial",
        "api",
    )
)
"""Pages that stand for all of their kind where looking at every page would take long."""
LOOKED_AT = PAGES if os.environ.get("COLLAPSE_ATLAS_ALL_PAGES") else ONE_OF_EACH_KIND
"""The pages that are looked at: one of each kind, or all of them where the variable ALL_PAGES is set, which takes ten minutes."""


def axe() -> str:
    """Return the script of axe-core, from the package that brings it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.fail("axe-core is not installed: pip install -c constraints.txt -e '.[dev]'")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=LOOKED_AT)
def opened(request: pytest.FixtureRequest, browser: WebDriver, address: str) -> Iterator[tuple[str, WebDriver]]:  # noqa: F811
    """Open a page once for all its tests, as a reader does who has chosen nothing."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    resize(browser, WIDTHS[-1])
    browser.get(address + request.param)
    assert browser.execute_async_script(SETTLED) is True
    browser.execute_script(STILL)
    yield request.param, browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def resize(driver: WebDriver, width: int) -> None:
    size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def choose(driver: WebDriver, theme: str) -> None:
    driver.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)


def messages(driver: WebDriver, method: str) -> list[dict[str, Any]]:
    """Return what the browser's network reports, for one kind of event."""
    entries = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [entry["params"] for entry in entries if entry["method"] == method]


def test_page_loads_without_errors_and_quickly(opened: tuple[str, WebDriver], address: str) -> None:  # noqa: F811
    _, driver = opened
    assert [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    log = driver.get_log("performance")
    events = [json.loads(entry["message"])["message"] for entry in log]
    assert [e["params"] for e in events if e["method"] == "Network.loadingFailed"] == []
    answers = [e["params"]["response"] for e in events if e["method"] == "Network.responseReceived"]
    assert answers != []
    assert [(r["url"], r["status"]) for r in answers if r["url"].startswith(address) and r["status"] >= 400] == []
    loaded = driver.execute_script(WEIGHT)
    assert sum(size for _, size in loaded) <= MOST_BYTES, sorted(loaded, key=lambda entry: -entry[1])[:5]
    assert driver.execute_script(ANSWERS) < SOONEST


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off(opened: tuple[str, WebDriver], width: int) -> None:
    _, driver = opened
    resize(driver, width)
    assert driver.execute_async_script(AT_REST) is True
    assert driver.execute_script(SIDEWAYS) <= 0
    assert driver.execute_script(CLIPPED) == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(opened: tuple[str, WebDriver], theme: str) -> None:
    _, driver = opened
    resize(driver, WIDTHS[-1])
    choose(driver, theme)
    if not driver.execute_script("return 'axe' in window"):
        driver.execute_script(axe())
    found = driver.execute_async_script(AXE, {"resultTypes": ["violations"], "runOnly": RULES[theme]})
    assert isinstance(found, list), found
    assert [violation for violation in found if violation[1] in SERIOUS] == []


def test_every_control_can_be_reached_by_tab(opened: tuple[str, WebDriver]) -> None:
    _, driver = opened
    assert driver.execute_script(CONTROLS) == []


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_tab_goes_through_the_page(browser: WebDriver, address: str, name: str) -> None:  # noqa: F811
    """Press Tab until the focus leaves the page or returns to its first control: sliders and folds are met on the way."""
    browser.get(address + name)
    assert browser.execute_async_script(SETTLED) is True
    wanted = "article input[type=range], article summary, article select"
    expected = len([e for e in browser.find_elements(By.CSS_SELECTOR, wanted) if e.is_displayed()])
    browser.execute_script(WATCH_FOCUS)
    met: list[list[object]] = []
    for _ in range(MOST_TABS // TABS):
        known = len(met)
        ActionChains(browser, duration=0).send_keys(*[Keys.TAB] * TABS).perform()
        met = browser.execute_script("return window.focused")
        if len(met) < known + TABS or met[0] in met[1:]:
            break
    if met[0] in met[1:]:
        met = met[: met.index(met[0], 1)]
    else:
        assert browser.execute_script("return document.activeElement === document.body"), f"trapped at {met[-1]}"
    assert [at for position, at in enumerate(met) if at in met[:position]] == []
    in_article = [tag for _, tag, _ in met if tag in ("INPUT", "SUMMARY", "SELECT")]
    assert len(in_article) >= expected


def test_arrow_keys_move_sliders(opened: tuple[str, WebDriver]) -> None:
    _, driver = opened
    resize(driver, WIDTHS[-1])
    for slider in driver.find_elements(By.CSS_SELECTOR, "article input[type=range]"):
        if not slider.is_displayed():
            continue
        driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", slider)
        slider.send_keys(Keys.HOME)
        before = slider.get_attribute("value"), slider.get_attribute("aria-valuetext")
        slider.send_keys(Keys.ARROW_RIGHT)
        assert (slider.get_attribute("value"), slider.get_attribute("aria-valuetext")) != before
        assert slider.get_attribute("value") != before[0]


def test_the_reader_chooses_light_or_dark(browser: WebDriver, address: str) -> None:  # noqa: F811
    """The page follows the reader's system, and the colours of figures follow the page."""
    page = next(name for name in PAGES if name.startswith("claims/mse"))
    colours = set()
    for theme in THEMES:
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        browser.get(address + page)
        assert browser.execute_script("return document.documentElement.dataset.theme") == theme
        words = browser.find_element(By.CSS_SELECTOR, ".atlas-figure .words")
        colours.add(
            (
                words.value_of_css_property("color"),
                browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"),
            )
        )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(colours) == len(THEMES)
    assert len({text for text, _ in colours}) == len({ground for _, ground in colours}) == len(THEMES)


def test_the_whole_book_is_small() -> None:
    """What the book loads for figures and icons is its own: no plotly, no fonts of icons."""
    names = [path.name for path in HTML.rglob("*") if path.is_file()]
    assert "index.html" in names
    assert [name for name in names if "plotly" in name or name.startswith("fa-")] == []
