"""The built pages of claims on a phone, a tablet, a screen and paper."""

from __future__ import annotations

import os

import pytest

from book.render.markdown import slug
from book.test_book import CLAIM_PAGES, PAGES, OpenPage, address, browser, page  # noqa: F401

# The very strings of PAGES: pytest keeps a page open for the next test where its parameter is the same object.
OF_CLAIMS = tuple(name for name in PAGES if name in CLAIM_PAGES)
LOOKED_AT = OF_CLAIMS if os.environ.get("COLLAPSE_ATLAS_ALL_PAGES") else OF_CLAIMS[::3]
"""The pages that are looked at: every third, or all of them where the variable ALL_PAGES is set, which takes minutes."""

pytestmark = pytest.mark.parametrize("page", LOOKED_AT, indirect=True)

WIDTHS = (390, 768, 1280)
"""Widths of a phone, a tablet and a screen, in pixels."""
LEAST_SIZE = 0.7
"""A formula that is too wide for its column may be set smaller, down to this share of its size."""
SCROLLS = {("claims/vae-learnable-decoder-variance.html", WIDTHS[0])}
"""Pages on which a formula is still too wide for a phone and scrolls within its box: sums over cases do not break."""
TOO_WIDE = """
const found = [];
for (const set of document.querySelectorAll("article .math mjx-container")) {
  const box = set.hasAttribute("display") ? set.closest(".math") : set.closest("p, li, td, dd, .sd-summary-content, article");
  const over = set.querySelector("mjx-math").getBoundingClientRect().width - box.clientWidth;
  const share = parseFloat(getComputedStyle(set).fontSize) / arguments[0];
  if (over > 1 || share < arguments[1]) found.push([Math.round(over), share, box.textContent.slice(0, 40)]);
}
return found;
"""


def test_formulas_of_a_claim_fit_on_every_screen(page: OpenPage) -> None:  # noqa: F811
    """All formulas, those in folded blocks too, at the widths of a phone, a tablet and a screen."""
    folded = page.ask("return [...document.querySelectorAll('article details:not([open])')]")
    page.ask("arguments[0].forEach(block => { block.open = true; })", folded)
    try:
        for width in WIDTHS:
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            page.wait_until("return document.documentElement.dataset.fitted === arguments[0]", str(width))
            full = page.ask("return 1.12 * parseFloat(getComputedStyle(document.documentElement).fontSize)")
            if (page.name, width) not in SCROLLS:
                assert page.ask(TOO_WIDE, full, LEAST_SIZE - 0.005) == []
            assert page.ask("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.ask("arguments[0].forEach(block => { block.open = false; })", folded)


def test_a_link_to_a_step_opens_it(page: OpenPage) -> None:  # noqa: F811
    """Every step and lemma is a folded block with its anchor, and opens for a link that points to it."""
    claim = CLAIM_PAGES[page.name]
    parts = [*claim.proof.steps, *claim.proof.lemmas]
    anchors = [f"{claim.id}-{slug(part.name)}" for part in parts]
    assert (
        page.ask(
            "return arguments[0].filter(name => document.getElementById(name)?.closest('details') == null)", anchors
        )
        == []
    )
    for name in (anchors[0], anchors[-1]):
        page.ask("location.hash = arguments[0]", name)
        page.wait_until("return document.getElementById(arguments[0]).closest('details').open", name)
    page.ask(
        "history.replaceState(null, '', location.pathname);"
        "document.querySelectorAll('article details[open]').forEach(block => { block.open = false; })"
    )


def test_a_claim_is_printed_open(page: OpenPage) -> None:  # noqa: F811
    """On paper the folded blocks are open, and the article stands alone."""
    closed = "return document.querySelectorAll('article details:not([open])').length"
    before = page.ask(closed)
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        page.ask("window.dispatchEvent(new Event('beforeprint'))")
        assert page.ask(closed) == 0 < before
        shown = "return ['.bd-sidebar-primary', '.bd-sidebar-secondary'].flatMap(s => [...document.querySelectorAll(s)]).filter(e => e.offsetParent)"
        assert page.ask(shown) == []
    finally:
        page.ask("window.dispatchEvent(new Event('afterprint'))")
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert page.ask(closed) == before
