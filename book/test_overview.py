"""The pages on all claims in a browser: the moving figure, the map, the table of thresholds, and the search."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from book.render.map_graph import Level
from book.test_book import HTML, INTO_VIEW, address, browser, until  # noqa: F401
from theory.claim import Claim, registry

from selenium.webdriver.common.by import By  # isort: skip
from selenium.webdriver.common.keys import Keys  # isort: skip
from selenium.webdriver.remote.webdriver import WebDriver  # isort: skip
from selenium.webdriver.remote.webelement import WebElement  # isort: skip

WIDTHS = (390, 768, 1280)
PAGES = ("index", "map", "thresholds", "verdict_table", "glossary", "bibliography")
LARGEST = 1_500_000
"""Most bytes of the first page with all that it loads."""


@pytest.fixture
def sized(browser: WebDriver) -> Iterator[WebDriver]:  # noqa: F811
    """Give the browser back its own width after a test that changes it."""
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def at_width(driver: WebDriver, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )


def panels(driver: WebDriver) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, "#collapse figure")


def picture(driver: WebDriver, panel: WebElement) -> str:
    """Return what a panel of the moving figure draws."""
    return driver.execute_script("return arguments[0].querySelector('svg').innerHTML", panel)


@pytest.mark.parametrize(("number", "ends"), [(0, "no longer tells them apart."), (1, "0 of 12 directions")])
def test_slider_goes_through_the_whole_story(browser, address, number, ends):  # noqa: F811
    browser.get(f"{address}index.html")
    panel = panels(browser)[number]
    slider, says = panel.find_element(By.TAG_NAME, "input"), panel.find_element(By.CSS_SELECTOR, ".says")
    seen = [(says.text, picture(browser, panel))]
    for pressed in (Keys.HOME, Keys.ARROW_RIGHT, Keys.END):
        slider.send_keys(pressed)
        until(lambda: picture(browser, panel) != seen[-1][1])
        seen.append((says.text, picture(browser, panel)))
        assert slider.get_attribute("aria-valuetext") == says.text
    assert len({text for text, _ in seen}) == 4
    assert ends in seen[-1][0]


def test_play_moves_the_figure_and_can_be_stopped(browser, address):  # noqa: F811
    browser.get(f"{address}index.html")
    for panel in panels(browser):
        button = panel.find_element(By.TAG_NAME, "button")
        before = picture(browser, panel)
        browser.execute_script(INTO_VIEW, button)
        button.click()
        until(lambda panel=panel, before=before: picture(browser, panel) != before)
        assert button.text == "Pause"
        button.click()
        assert button.text == "Play"
        stopped = picture(browser, panel)
        browser.execute_async_script("setTimeout(arguments[0], 200)")
        assert picture(browser, panel) == stopped


def test_rings_are_drawn_only_where_an_optimum_is_certified(browser, address):  # noqa: F811
    browser.get(f"{address}index.html")
    panel = panels(browser)[0]
    slider, ring = panel.find_element(By.TAG_NAME, "input"), panel.find_element(By.CSS_SELECTOR, ".optimum")
    assert ring.is_displayed()
    slider.send_keys(Keys.HOME)
    until(lambda: not ring.is_displayed())
    slider.send_keys(Keys.END)
    until(ring.is_displayed)


def test_the_first_page_is_light(browser, address):  # noqa: F811
    browser.get(f"{address}index.html")
    sizes = browser.execute_script(
        "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(e => [e.name, e.decodedBodySize])"
    )
    assert not [name for name, _ in sizes if "plotly" in name]
    assert sum(size for _, size in sizes) < LARGEST


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs_out_of_the_page(sized, address, name, width):  # noqa: F811
    at_width(sized, width)
    sized.get(f"{address}{name}.html")
    sized.execute_async_script(
        "const done = arguments[0]; (window.MathJax?.startup?.promise ?? Promise.resolve()).then(() => done())"
    )
    assert sized.execute_script("return document.documentElement.scrollWidth") <= width
    clipped = sized.execute_script(
        "return [...document.querySelectorAll('article .atlas-verdicts, article .atlas-stacked td, article svg text')]"
        ".filter(e => e.getBoundingClientRect().right > window.innerWidth || (e.tagName === 'TD' && e.scrollWidth > e.clientWidth + 1))"
        ".map(e => e.textContent)"
    )
    assert clipped == []


def test_map_lights_what_a_box_is_joined_to(browser, address):  # noqa: F811
    browser.get(f"{address}map.html")
    boxes = browser.find_elements(By.CSS_SELECTOR, ".atlas-map a")
    box = next(box for box in boxes if box.get_attribute("class") == Level.REFUTED.word)
    browser.execute_script("arguments[0].focus()", box)
    lit = browser.find_elements(By.CSS_SELECTOR, ".atlas-map a.lit")
    edges = browser.find_elements(By.CSS_SELECTOR, ".atlas-map path.lit")
    assert box in lit
    assert 1 < len(lit) < len(boxes)
    assert len(edges) == len(lit) - 1
    browser.execute_script("arguments[0].blur()", box)
    assert browser.find_elements(By.CSS_SELECTOR, ".atlas-map .lit") == []


def test_map_is_a_list_on_a_narrow_page(sized, address):  # noqa: F811
    at_width(sized, 390)
    sized.get(f"{address}map.html")
    assert not sized.find_element(By.CSS_SELECTOR, ".atlas-map").is_displayed()
    entries = sized.find_elements(By.CSS_SELECTOR, "article details")
    assert len(entries) == len(registry())
    sized.execute_script(INTO_VIEW, entries[0])
    entries[0].find_element(By.TAG_NAME, "summary").click()
    assert entries[0].find_element(By.TAG_NAME, "a").is_displayed()


def results(driver: WebDriver, root: str, words: str) -> list[str]:
    """Return the pages that the search finds for some words. Where the page of the search is open already, it searches again."""
    if driver.current_url.startswith(f"{root}search.html"):
        # Without the excerpts, for which each page that is found is loaded.
        again = "DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; Search.performSearch(arguments[0])"
        driver.execute_script(f"document.querySelector('#search-results').replaceChildren(); {again}", words)
    else:
        driver.get(f"{root}search.html?q={quote(words)}")
    done = "return /found|did not match/.test(document.querySelector('#search-results .search-summary')?.textContent ?? '')"
    until(lambda: driver.execute_script(done))
    links = "return [...document.querySelectorAll('#search-results ul.search li > a')].map(a => a.href)"
    return [link.removeprefix(root).partition("?")[0].partition("#")[0] for link in driver.execute_script(links)]


@pytest.mark.parametrize("claim", registry().values(), ids=lambda claim: claim.id)
def test_search_finds_a_claim_by_id_name_and_paper(browser, address, claim: Claim):  # noqa: F811
    page = f"claims/{claim.id}.html"
    # Sphinx leaves out the shortest words of its index, but not those of a query.
    paper = " ".join(word for word in claim.source.title.split() if len(word.strip(".,:")) > 2)
    for words in (claim.id, claim.title, paper, claim.source.authors):
        assert page in results(browser, address, words), words
    assert page == results(browser, address, claim.title)[0]


def test_words_of_the_glossary_are_explained(browser, address):  # noqa: F811
    browser.get(f"{address}index.html")
    terms = browser.find_elements(By.CSS_SELECTOR, "article a[href*='glossary.html#term-']")
    assert {"neural collapse", "posterior collapse", "claim"} <= {term.text for term in terms}
    assert (HTML / "bibliography.html").read_text(encoding="utf-8").count("https://doi.org/") >= 10
