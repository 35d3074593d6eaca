"""The live page in a browser without network: Python derives, predicts and checks there what it does here."""

from __future__ import annotations

import functools
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from book.live.certificate import certify, check
from book.live.packages import Unavailable, flint, pyodide
from book.live.parts import CERTIFICATES
from book.test_book import HTML, INTO_VIEW, browser  # noqa: F401
from book.test_quality import AXE, RULES, SERIOUS, axe
from theory.claim import find, registry
from theory.cli.commands import main as theory_command
from theory.errors import ParameterError

from selenium.webdriver.common.by import By  # isort: skip  # book.test_book skips this module without a browser
from selenium.webdriver.remote.webdriver import WebDriver  # isort: skip
from selenium.webdriver.remote.webelement import WebElement  # isort: skip

PAGE = "live.html"
PATIENCE = 240
"""Largest number of seconds for a run, with Python still to be loaded, on a busy machine."""
PHONE = 390
"""Width of a phone, in pixels."""
RUNS = {
    "mse-imbalanced": "class_counts=200,100,50,50 widths=64 weight_decay=5e-4 feature_decay=5e-4",
    "ce-imbalanced-relu": "class_counts=2,9,4 widths=5 weight_decay=0.02 feature_decay=0.03",
    "vae-learnable-variance": "theta=1.2,3,0.5 latent_dim=2 beta=0.7",
}
"""Parameters that no example has, in an order that is not sorted."""
FEW = 4
"""Number of claims that an ordinary run derives in the browser."""
REFUSED = {
    "mse-imbalanced": (
        "class_counts=20,10 widths=4 weight_decay=0 feature_decay=0.01",
        "class_counts=20,10 widths=4 weight_decay=0.01",
        "class_counts=20,x widths=4 weight_decay=0.01 feature_decay=0.01",
        "class_counts=20,10 decay=3",
        "class_counts",
        "data=digits widths=4 weight_decay=0.01 feature_decay=0.01",
        "<b>bold</b>=1",
    ),
    "vae-learnable-variance": ("data=nothing latent_dim=2 beta=1", "theta=3,2 latent_dim=0 beta=1"),
}
STATE = "return document.getElementById(arguments[0]).dataset.state"


class Served(SimpleHTTPRequestHandler):
    """Serves the book, and notes the answer to every request. The browser does not report the requests of a worker."""

    answers: ClassVar[list[tuple[str, int]]] = []

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.answers.append((self.path, int(code)))

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the built book on this machine and return its address."""
    if not (HTML / PAGE).exists():
        pytest.fail("the book is not built: run make book first")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Served, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@dataclass
class LivePage:
    """The live page, open in a browser, with the requests of the page and the complaints of the browser so far."""

    browser: WebDriver
    address: str
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, query: str = "") -> None:
        self.browser.get(f"{self.address}{PAGE}{query}")

    def element(self, name: str) -> Any:
        return self.browser.find_element(By.ID, f"live-{name}")

    def result(self) -> dict[str, Any] | None:
        """Return the result that the page shows, or None where it shows none, as while one takes the place of another."""
        shown = self.browser.execute_script("return document.getElementById('live-json')?.textContent")
        return json.loads(shown) if shown else None

    def press(self, element: WebElement) -> None:
        """Click an element in the middle of the window, where the header of the page does not cover it."""
        self.browser.execute_script(INTO_VIEW, element)
        element.click()

    def choose(self, claim: str) -> None:
        self.element("claim").find_element(By.CSS_SELECTOR, f"option[value='{claim}']").click()

    def type(self, parameters: str) -> None:
        self.element("parameters").clear()
        self.element("parameters").send_keys(parameters)

    def run(self, expected: str = "done", button: str = "run", output: str = "output") -> str:
        """Press a button, wait until what it starts has ended, and return the text of its output."""
        self.press(self.element(button))
        before = time.monotonic()
        while (state := self.browser.execute_script(STATE, f"live-{output}")) == "running":
            assert time.monotonic() - before < PATIENCE, self.element("progress").text
            time.sleep(0.05)
        self.listen()
        text = self.element(output).text
        assert state == expected, text
        return text

    def listen(self) -> None:
        """Note the requests, failed ones among the complaints, and the errors that the browser has written since the last time."""
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            if message["method"] == "Network.loadingFailed":
                self.complaints.append(str(message["params"]))
        self.complaints += [e["message"] for e in self.browser.get_log("browser") if e["level"] == "SEVERE"]


def without_live_parts() -> None:
    """Skip where this machine cannot get the live parts, and fail where it can and the book was built without them."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            pyodide(Path(folder))
        except Unavailable as error:
            pytest.skip(f"the book was built without the live parts: {error}")
    pytest.fail("npm works on this machine, and yet the book was built without the live parts")


@pytest.fixture(scope="module", params=[PAGE])
def live(browser: WebDriver, address: str) -> Iterator[LivePage]:  # noqa: F811
    """Open the live page. It is one parameter, so that one process runs all tests of the page."""
    if 'id="live-run"' not in (HTML / PAGE).read_text(encoding="utf-8"):
        without_live_parts()
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    page = LivePage(browser, address)
    page.open()
    yield page
    browser.get("about:blank")


def parts_loaded() -> list[str]:
    """Return the paths of the live parts that the browser has loaded."""
    return [path for path, _ in Served.answers if "pyodide" in path or ".zip" in path or "worker.mjs" in path]


def predicted(capsys: pytest.CaptureFixture[str], claim: str, parameters: str) -> dict[str, Any]:
    """Return what the command line predicts."""
    theory_command(["predict", claim, *parameters.split(), "--json"])
    return json.loads(capsys.readouterr().out)


def test_nothing_is_loaded_before_the_button(live: LivePage) -> None:
    claim, parameters = next(iter(RUNS.items()))
    live.open("?" + urlencode({"claim": claim, "parameters": parameters}))
    time.sleep(1)
    live.listen()
    assert [path for path, _ in Served.answers if "page.js" in path] != []
    assert parts_loaded() == []
    assert live.element("claim").get_attribute("value") == claim
    assert live.element("parameters").get_attribute("value") == parameters
    assert live.element("output").text == ""


def test_claims_are_derived_and_predicted_at_typed_parameters(
    live: LivePage, capsys: pytest.CaptureFixture[str]
) -> None:
    for claim, parameters in RUNS.items():
        live.choose(claim)
        live.type(parameters)
        shown = live.run()
        expected = predicted(capsys, claim, parameters)
        steps = len(find(claim).proof.steps)
        assert live.result() == expected
        assert float(live.element("value").text) == expected["value"]
        assert str(find(claim).verdict) in shown
        assert f"{steps} of {steps} steps hold" in shown
        assert len(live.browser.find_elements(By.CSS_SELECTOR, ".live-step")) == steps
        written = parse_qs(urlsplit(live.browser.current_url).query)
        assert written == {"claim": [claim], "parameters": [parameters]}


def test_claims_are_derived_and_checked_at_their_examples(live: LivePage) -> None:
    """Some of the claims, or all of them where the variable COLLAPSE_ATLAS_ALL_PAGES is set, which takes two minutes."""
    options = [o.get_attribute("value") for o in live.element("claim").find_elements(By.TAG_NAME, "option")]
    assert sorted(options) == sorted(registry())
    for claim in options if os.environ.get("COLLAPSE_ATLAS_ALL_PAGES") else Random(0).sample(options, FEW):
        live.choose(claim)
        steps = len(find(claim).proof.steps)
        shown = live.run()
        assert f"{steps} of {steps} steps hold" in shown or (steps == 0 and find(claim).derive is None)


def test_data_of_this_machine_is_known(live: LivePage, capsys: pytest.CaptureFixture[str]) -> None:
    claim, parameters = "vae-learnable-variance", "data=digits latent_dim=3 beta=2"
    live.choose(claim)
    live.type(parameters)
    live.run()
    assert live.result() == predicted(capsys, claim, parameters)


def test_parameters_outside_their_domain_give_the_line_of_the_command_line(live: LivePage) -> None:
    for claim, texts in REFUSED.items():
        live.choose(claim)
        for parameters in texts:
            live.type(parameters)
            shown = live.run(expected="error")
            with pytest.raises(ParameterError) as refused:
                theory_command(["predict", claim, *parameters.split()])
            assert shown == f"error: {refused.value}"


def test_an_open_quotation_gives_one_line(live: LivePage) -> None:
    live.type("class_counts='20")
    shown = live.run(expected="error")
    assert shown.startswith("error: parameters: ")
    assert "\n" not in shown


def in_balls(live: LivePage) -> None:
    """Skip where this machine cannot get python-flint for the browser, and fail where the book could have had it."""
    if live.browser.find_elements(By.ID, "live-check-form"):
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            flint(Path(folder))
        except Unavailable as error:
            pytest.skip(f"the book was built without ball arithmetic for the browser: {error}")
    pytest.fail("pip gets python-flint for the browser here, and yet the book was built without it")


def test_stored_certificates_are_checked_as_here(live: LivePage) -> None:
    in_balls(live)
    for path in sorted(CERTIFICATES.glob("*.json")):
        live.element("stored").find_element(By.CSS_SELECTOR, f"option[value='{path.stem}']").click()
        shown = live.run(button="check", output="checked")
        expected = json.loads(check(path.read_text(encoding="utf-8")))
        assert repr(expected["lower"]) in shown
        assert repr(expected["upper"]) in shown


def test_predicted_minimum_is_bounded_from_below_as_here(live: LivePage) -> None:
    in_balls(live)
    claim = "mse-imbalanced"
    live.choose(claim)
    live.type(RUNS[claim])
    live.run()
    shown = live.run(button="certify", output="certified")
    expected = json.loads(certify(claim, RUNS[claim]))
    assert expected["lower"] <= expected["upper"]
    assert repr(expected["lower"]) in shown


def test_slider_moves_the_prediction(live: LivePage, capsys: pytest.CaptureFixture[str]) -> None:
    live.choose("mse-imbalanced")
    live.type(RUNS["mse-imbalanced"])
    live.run()
    before = live.result()
    for place in (0.3, 0.7):  # the second one is asked for while the first one is computed
        live.browser.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
            live.element("move-feature_decay"),
            place,
        )
    parameters = live.element("parameters").get_attribute("value")
    expected = predicted(capsys, "mse-imbalanced", parameters)
    began = time.monotonic()
    while live.result() != expected:
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.05)
    assert before["value"] < expected["value"] == float(live.element("value").text)
    assert expected["parameters"]["feature_decay"] == pytest.approx(5e-4 * 10**0.7, rel=1e-3)
    assert parse_qs(urlsplit(live.browser.current_url).query)["parameters"] == [parameters]


def test_results_are_accessible(live: LivePage) -> None:
    live.choose("ce-imbalanced-relu")
    live.run()
    live.press(live.browser.find_element(By.CSS_SELECTOR, ".live-step summary"))
    live.browser.execute_script(axe())
    for theme in ("light", "dark"):
        live.browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        time.sleep(0.5)  # colours of buttons change slowly
        found = live.browser.execute_async_script(
            AXE, RULES | {"preload": False}
        )  # axe would ask for styles in wrong places
        assert [violation for violation in found if violation[1] in SERIOUS] == []


def test_statement_of_a_step_is_set(live: LivePage) -> None:
    live.choose("mse-imbalanced")
    live.run()
    live.press(live.browser.find_element(By.CSS_SELECTOR, ".live-step summary"))
    before = time.monotonic()
    while not live.browser.find_elements(By.CSS_SELECTOR, ".live-statement mjx-container"):
        assert time.monotonic() - before < PATIENCE
        time.sleep(0.05)
    step = find("mse-imbalanced").proof.steps[0]
    shown = live.browser.find_element(By.CSS_SELECTOR, ".live-step").text
    assert step.says.split("$")[0].strip() in shown
    assert live.browser.find_elements(By.CSS_SELECTOR, "mjx-merror, [data-mjx-error]") == []


def test_link_holds_claim_and_parameters(live: LivePage) -> None:
    claim, parameters = next(iter(RUNS.items()))
    live.browser.execute_script(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => { window.copied = text; }}})"
    )
    live.choose(claim)
    live.type(parameters)
    live.press(live.element("copy"))
    copied = live.browser.execute_script("return window.copied")
    assert parse_qs(urlsplit(copied).query) == {"claim": [claim], "parameters": [parameters]}


def test_page_fits_a_phone(live: LivePage) -> None:
    metrics = {"width": PHONE, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    live.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        for claim, parameters in RUNS.items():
            live.choose(claim)
            live.type(parameters)
            live.run()
            for details in live.browser.find_elements(By.CSS_SELECTOR, "#live-form details, #live-output details"):
                live.browser.execute_script("arguments[0].open = true", details)
            time.sleep(1)
            assert live.browser.execute_script("return document.documentElement.scrollWidth") <= PHONE
    finally:
        live.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_run_can_be_stopped(live: LivePage) -> None:
    live.choose("hvae-learnable-variances")
    live.press(live.element("run"))
    live.press(live.element("stop"))
    assert live.browser.execute_script(STATE, "live-output") == "stopped"
    assert "Stopped" in live.element("progress").text
    live.choose("mse-imbalanced")
    assert "HOLDS" in live.run()


def test_unknown_claim_of_an_address_gives_the_line_of_the_command_line(live: LivePage) -> None:
    live.open("?claim=<b>nothing</b>")
    with pytest.raises(ParameterError) as refused:
        find("<b>nothing</b>")
    assert live.element("output").text == f"error: {refused.value}"


def test_nothing_failed_and_nothing_was_loaded_from_elsewhere(live: LivePage) -> None:
    live.listen()
    assert live.complaints == []
    assert [url for url in live.requested if not url.startswith((live.address, "data:", "blob:"))] == []
    assert [answer for answer in Served.answers if answer[1] >= 400] == []
    assert [path for path in parts_loaded() if path.endswith("pyodide.asm.wasm")] != []


def test_page_opened_as_a_file_says_how_to_serve_it(live: LivePage) -> None:
    live.browser.get((HTML / PAGE).as_uri())
    shown = live.run(expected="error")
    assert "python -m http.server" in shown
