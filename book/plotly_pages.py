"""Sphinx extension: load the book's own copy of plotly.js, once, on the pages that show a figure."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def add_plotly(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the script to a page whose body holds a plotly figure."""
    if "plotly-graph-div" in context.get("body", ""):
        app.add_js_file("plotly.min.js")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_plotly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
