"""The built book in a browser without network: the formulas, figures, links and verdict tables of every page."""

from __future__ import annotations

import functools
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from book.build import files_in
from book.contents import all_claims, contents
from book.examples import sliding
from book.figures.landscape import has_landscape
from book.figures.practice import figures_of, figures_of_page, page_records
from book.render.practice import families
from theory.claim import registry

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    # A machine without a browser can still build and read the book, so one line says what was left out. .ci/run installs a
    # browser and leaves nothing out.
    pytest.skip(
        "browser tests were left out; they need Chromium: apt-get install chromium chromium-driver",
        allow_module_level=True,
    )

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402

HTML = Path(__file__).resolve().parent / "_build" / "html"
CLAIM_PAGES = {f"claims/{claim.id}.html": claim for claim in registry().values()}
PHASES = ("what_the_verdicts_mean.html", "sweeps.html")
OTHER_FIGURES = {
    "what_the_verdicts_mean.html": 2,
    "sweeps.html": 1,
    "your_network.html": 1,
    "one_scalar_problem.html": 1,
}
"""Figures on pages that belong to no claim and no family of experiments."""
FAMILY_PAGES = {f"experiments/{word}.html": word for word in families()}
PAGES = tuple(f"{name}.html" for name in files_in(contents()))
NARROW = ("claims/vae-learnable-decoder-variance.html", "claims/ce-relu-bias-two-classes.html")
"""Pages on which one direction or class is zero at every setting: a code narrower than the data, or the larger of two classes."""
PATIENCE = 60
"""Largest number of seconds for setting the formulas of a page."""
FIGURES = 2
"""Number of figures on a claim's page besides one for each threshold."""
WIDER = 8
"""Pixels by which a formula may exceed its column: half a sign."""

CHROMIUM_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--window-size=1360,1000",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
INTO_VIEW = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
SETTLED = """
const done = arguments[0];
const formulas = window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve();
formulas.then(() => done(true), error => done(String(error)));
"""
SHOWN = """
return [...arguments[0].querySelectorAll("[data-frame]")].filter(frame => frame.getClientRects().length)
  .map(frame => frame.dataset.frame);
"""
BARS = """
return [...arguments[0].querySelectorAll("[data-frame] rect[fill-opacity]")].filter(bar => bar.closest("g").style.display !== "none")
  .map(bar => Number(bar.getAttribute("height")));
"""
DRAWINGS = """
return [...document.querySelectorAll(".atlas-panels svg")].map(drawing => [
  drawing.getBoundingClientRect().width, drawing.getAttribute("aria-label"), drawing.querySelectorAll("path, line, circle, rect").length]);
"""
LEAST_MARKS = 3
"""Least number of lines, points and bars in a drawing."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves the book without logging."""

    def log_message(self, *_: object) -> None:
        return None


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, which is asked every few milliseconds."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, f"still not so after {PATIENCE} seconds"
        time.sleep(0.01)


class Chromium(webdriver.Chrome):
    """The browser of all tests. It waits until the page that a test opens is there and read to its end.

    A page that a test before it opened by a click may still be under way when the next one is asked for. Chromium then answers
    while neither of them stands, and a test finds nothing on it.
    """

    def get(self, url: str) -> None:
        super().get(url)
        arrived = "return document.readyState === 'complete' && location.pathname === new URL(arguments[0]).pathname"
        until(lambda: self.execute_script(arrived, url))


class Links(HTMLParser):
    """The links and anchors of a page on the disk."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if given.get("id"):
            self.anchors.add(given["id"])
        for name in ("href", "src"):
            if given.get(name):
                self.links.append(given[name])


class Resources(Links):
    """The scripts, styles and images that a page loads by itself. Links that a reader may follow are left out."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            super().handle_starttag(tag, attributes)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the built book on this machine and return its address."""
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: run make book first")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser(address: str) -> Iterator[WebDriver]:
    """Start Chromium with access to this machine alone."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in CHROMIUM_OPTIONS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chromium(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


@dataclass(frozen=True)
class OpenPage:
    """A page in the browser, with the requests and the error messages from opening it."""

    name: str
    browser: WebDriver
    requested: list[str]
    complaints: list[str]

    def ask(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def figures(self, name: str) -> list[WebElement]:
        """Return the figures of one kind, such as ``crossing``."""
        return self.browser.find_elements(By.CSS_SELECTOR, f".atlas-figure[data-name={name}]")

    def wait_until(self, script: str, *arguments: object) -> None:
        """Wait until the script gives a true answer."""
        until(lambda: self.ask(script, *arguments))

    def until_changed(self, script: str, figure: WebElement, before: object) -> object:
        """Wait until the script gives another answer than ``before``, and return the answer."""
        until(lambda: self.ask(script, figure) != before)
        return self.ask(script, figure)


@pytest.fixture(scope="session", params=PAGES)
def page(request: pytest.FixtureRequest, browser: WebDriver, address: str) -> OpenPage:
    """Open a page once for all its tests, in whatever module, and wait until its formulas are set."""
    name = request.param
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(address + name)
    assert browser.execute_async_script(SETTLED) is True
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requested = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return OpenPage(name, browser, requested, complaints)


def test_page_reads_without_network(page: OpenPage, address: str) -> None:
    assert page.complaints == []
    assert address + page.name in page.requested
    assert [url for url in page.requested if not url.startswith((address, "data:", "blob:"))] == []


def test_formulas_are_set(page: OpenPage) -> None:
    written = page.browser.find_elements(By.CSS_SELECTOR, "article .math")
    unset = page.ask(
        "return [...document.querySelectorAll('article .math')].filter(e => !e.querySelector('mjx-container'))"
        ".map(e => e.textContent)"
    )
    assert unset == []
    assert page.browser.find_elements(By.CSS_SELECTOR, "mjx-merror, [data-mjx-error]") == []
    assert len(written) > 30 or page.name not in CLAIM_PAGES
    shown = page.ask(
        "const a = document.querySelector('article').cloneNode(true);"
        "a.querySelectorAll('pre, code, script, style, mjx-container').forEach(e => e.remove()); return a.textContent"
    )
    assert [sign for sign in ("$$", "\\(", "\\frac", "{{", "{%", "{ref}") if sign in shown] == []


def test_formulas_fit_their_column(page: OpenPage) -> None:
    wide = page.ask(
        "return [...document.querySelectorAll('article .math mjx-container[display]')]"
        ".map(e => [e.querySelector('mjx-math').getBoundingClientRect().width - e.closest('.math').clientWidth, e])"
        f".filter(x => x[0] > {WIDER}).map(x => [x[0], x[1].closest('.math').previousElementSibling?.textContent])"
    )
    assert wide == []


def test_page_does_not_scroll_sideways(page: OpenPage) -> None:
    assert page.ask("return document.documentElement.scrollWidth <= window.innerWidth")
    widest = "Math.max(0, ...[...document.querySelectorAll('.atlas-figure svg')].map(f => f.clientWidth))"
    assert page.ask(f"return {widest} <= document.querySelector('article').clientWidth")
    tables = "[...document.querySelectorAll('.atlas-wide, .atlas-verdicts, .atlas-experiments')]"
    assert page.ask(f"return {tables}.map(t => t.scrollWidth - t.clientWidth).filter(hidden => hidden > 0)") == []


def figures_on(name: str) -> int:
    """Return the number of figures that a page should have."""
    if name in FAMILY_PAGES:
        word = FAMILY_PAGES[name]
        water = word == "vae"
        return water + len(figures_of_page(word)) + sum(len(figures_of(record)) for record in page_records(word))
    if name in CLAIM_PAGES:
        claim = CLAIM_PAGES[name]
        return FIGURES + len(sliding(claim)) + has_landscape(claim) if claim.refutation is None else 1
    return OTHER_FIGURES.get(name, 0)


def test_figures_are_drawn(page: OpenPage) -> None:
    assert page.ask("return document.querySelectorAll('.atlas-figure').length") == figures_on(page.name)
    for width, label, marks in page.ask(DRAWINGS):
        assert width > 50
        assert label.endswith(".")
        # A difference of two matrices that agree shows next to nothing.
        assert marks >= LEAST_MARKS or "entries up to 0" in label or label.startswith("difference")


def test_geometry_can_be_turned(page: OpenPage) -> None:
    ends = "return [...arguments[0].querySelectorAll('line, circle')].map(e => e.getAttribute('x2') ?? e.getAttribute('cx')).join()"
    for figure in page.figures("geometry"):
        for scene in figure.find_elements(By.CSS_SELECTOR, ".atlas-turn"):
            before = page.ask(ends, scene)
            drawing = scene.find_element(By.CSS_SELECTOR, "svg")
            page.ask(INTO_VIEW, drawing)
            ActionChains(page.browser, duration=50).move_to_element(drawing).click_and_hold().move_by_offset(
                60, 20
            ).release().perform()
            dragged = page.until_changed(ends, scene, before)
            scene.find_element(By.CSS_SELECTOR, "input").send_keys(Keys.ARROW_RIGHT)
            page.until_changed(ends, scene, dragged)


def test_slider_crosses_the_threshold(page: OpenPage) -> None:
    for figure in page.figures("crossing"):
        before = page.ask(BARS, figure)
        slide_to_the_end(page, figure)
        after = page.until_changed(BARS, figure, before)
        assert sum(bar > 0 for bar in before) == len(before) - (page.name in NARROW)
        assert max(after) == 0


def slide_to_the_end(page: OpenPage, figure: WebElement) -> None:
    slider = figure.find_element(By.CSS_SELECTOR, "input[data-says]")
    page.ask(INTO_VIEW, slider)
    slider.send_keys(Keys.END)


def test_slider_shows_one_frame_at_a_time(page: OpenPage) -> None:
    sliders = page.browser.find_elements(By.CSS_SELECTOR, ".atlas-figure:has(input[data-says])")
    assert len(sliders) >= (page.name in PHASES)
    for figure in sliders:
        slider = figure.find_element(By.CSS_SELECTOR, "input[data-says]")
        last, said = slider.get_attribute("max"), json.loads(slider.get_attribute("data-says"))
        page.ask(INTO_VIEW, slider)
        slider.send_keys(Keys.HOME)
        assert set(page.ask(SHOWN, figure)) == {"0"}
        slide_to_the_end(page, figure)
        assert set(page.ask(SHOWN, figure)) == {last}
        assert int(last) == len(said) - 1 > 0
        assert figure.find_element(By.CSS_SELECTOR, "output").text == said[-1]


def test_list_of_experiments_has_a_row_for_each(page: OpenPage) -> None:
    if page.name != "experiments.html":
        return
    rows = page.browser.find_elements(By.CSS_SELECTOR, ".atlas-experiments tbody td:first-child a")
    linked = [row.get_attribute("href").rpartition("#")[2] for row in rows]
    assert linked == [each.name for experiments in families().values() for each in experiments]


def test_a_table_of_verdicts_has_a_row_for_every_claim(page: OpenPage) -> None:
    """The table of another device may be older than a claim, but it lists no claim twice and none that is unknown."""
    if page.name not in ("index.html", "verdict_table.html"):
        return
    tables = page.browser.find_elements(By.CSS_SELECTOR, "article .atlas-verdicts table")
    assert tables != []
    known = {f"{name}.html" for name in registry()}
    rows = []
    for table in tables:
        linked = [a.get_attribute("href") for a in table.find_elements(By.CSS_SELECTOR, "tbody td:first-child a")]
        rows.append([link.rpartition("/")[2] for link in linked])
        assert len(set(rows[-1])) == len(rows[-1])
        assert set(rows[-1]) <= known
    assert known in map(set, rows)


def test_sidebar_lists_the_claims_in_the_order_of_the_story(page: OpenPage) -> None:
    if page.name != "index.html":
        return
    links = (
        "return [...document.querySelectorAll('.bd-sidebar-primary nav a')].map(a => [a.href, a.textContent.trim()])"
    )
    listed = [[link.rpartition("/")[2], text] for link, text in page.ask(links) if "/claims/" in link]
    assert listed == [[f"{claim.id}.html", claim.name] for claim in all_claims()]


def written_pages() -> list[Path]:
    """Return the pages of the built book, without the templates that the theme leaves in its assets."""
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: run make book first")
    return [path for path in sorted(HTML.rglob("*.html")) if "_static" not in path.relative_to(HTML).parts]


def test_internal_links_resolve() -> None:
    pages = {path: Links(path) for path in written_pages()}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or urlsplit(link).netloc:
                continue
            target = urlsplit(urljoin(path.as_uri(), link))
            file = Path(unquote(target.path))
            if not file.is_file() or (
                target.fragment and file in pages and unquote(target.fragment) not in pages[file].anchors
            ):
                broken.append(f"{path.relative_to(HTML)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    loaded = {path.name: [link for link in Resources(path).links if urlsplit(link).netloc] for path in written_pages()}
    assert {name: links for name, links in loaded.items() if links} == {}
