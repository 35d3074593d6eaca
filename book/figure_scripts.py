"""Sphinx extension: load the script of the figures on the pages that show one."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def add_script(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the script to a page whose body holds a figure."""
    if 'class="atlas-figure"' in context.get("body", ""):
        app.add_js_file("figures.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
