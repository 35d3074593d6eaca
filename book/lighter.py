"""Sphinx extension: the book's own MathJax, and a theme without the scripts, styles and icons that no page uses.

A page of the unchanged theme loads 1.5 MB of icons as a script, 0.4 MB of menus of MathJax, and 0.4 MB of styles, most of them for
elements that this book has not.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.config import Config

MATHJAX = (
    "startup.js",
    "core.js",
    "input/tex-base.js",
    "input/tex/extensions",
    "output/chtml.js",
    "output/chtml/fonts",
    "a11y/assistive-mml.js",
)
"""The parts of MathJax that pages load: formulas in TeX, set as HTML, with MathML for readers who do not see them."""
LOADED = [
    "core",
    "input/tex-base",
    "[tex]/ams",
    "[tex]/newcommand",
    "[tex]/boldsymbol",
    "output/chtml",
    "a11y/assistive-mml",
]
PACKAGES = ["base", "ams", "newcommand", "boldsymbol"]
STYLES = (
    "styles/pydata-sphinx-theme.css",
    "styles/sphinx-book-theme.css",
    "sphinx-design.min.css",
    "mystnb.*.css",
    "basic.css",
)
ICON_SCRIPT = re.compile(r"<script[^>]*fontawesome\.js[^>]*></script>|<link[^>]*fontawesome[^>]*>")
SEARCH_SCRIPTS = re.compile(r'<script src="[^"]*(searchtools|language_data|searchindex)\.js[^>]*></script>')
"""Scripts that only the page of search results needs. The theme loads them on every page."""
ICON = re.compile(r'"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","(M[^"]+)"\]')
FONTS = re.compile(r"@font-face\s*\{[^}]*Font Awesome[^}]*\}")
FORMULA = 'class="math'
"""How a formula begins in the HTML of a page."""
SHORTEST = 5
"""Least letters of a word that ends in a hyphen, and so stands for all classes that begin with it."""


def choose_mathjax(app: Sphinx, config: Config) -> None:
    """Load the parts of MathJax that the book uses, one by one, in place of everything at once."""
    config.mathjax_path = "mathjax/startup.js"
    given = config.mathjax3_config or {}
    config.mathjax3_config = {**given, "loader": {"load": LOADED}, "tex": {"packages": PACKAGES}}


def load_mathjax(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Have Sphinx load MathJax on a page with formulas, also where all formulas come from code or from HTML."""
    app.set_html_assets_policy("always" if FORMULA in context.get("body", "") else "per_page")


def leave_mathjax_out(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave MathJax out of a page without formulas. Sphinx loads it on the first page for the formulas of all others."""
    if FORMULA not in context.get("body", ""):
        scripts = context["script_files"]
        scripts[:] = [script for script in scripts if "mathjax" not in f"{script.filename}{script.attributes}".lower()]


def finish(app: Sphinx, error: Exception | None) -> None:
    """Copy MathJax beside the built pages, and take from the theme what no page uses."""
    if error is not None:
        return
    static = Path(app.outdir) / "_static"
    copy_mathjax(static / "mathjax")
    pages = [path for path in Path(app.outdir).rglob("*.html") if static not in path.parents]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        lighter = ICON_SCRIPT.sub("", text)
        # The entries of a bibliography say that they are such, and so are no items of a list to a reader who hears the page.
        lighter = lighter.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
        lighter = lighter if page.name == "search.html" else SEARCH_SCRIPTS.sub("", lighter)
        if lighter != text:
            page.write_text(lighter, encoding="utf-8")
    icons = static / "scripts" / "fontawesome.js"
    scripts = [path for path in static.rglob("*.js") if path != icons and static / "mathjax" not in path.parents]
    words = words_in([*pages, *scripts])
    for path in [path for name in STYLES for path in static.glob(name)]:
        path.write_text(FONTS.sub("", used(path.read_text(encoding="utf-8"), words)), encoding="utf-8")
    if icons.exists():
        with (static / "styles" / "sphinx-book-theme.css").open("a", encoding="utf-8") as styles:
            styles.write(drawn_icons(icons.read_text(encoding="utf-8"), words))
        icons.unlink()
    shutil.rmtree(static / "vendor" / "fontawesome", ignore_errors=True)


def copy_mathjax(folder: Path) -> None:
    """Copy the parts of MathJax that pages load from the package that brings it."""
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("sphinx-mathjax-offline: this package brings MathJax and is not installed")
    brought = Path(found.origin).parent / "static" / "mathjax"
    for name in MATHJAX:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (brought / name).is_dir():
            shutil.copytree(brought / name, folder / name, dirs_exist_ok=True)
        else:
            shutil.copy(brought / name, folder / name)


def words_in(paths: Iterable[Path]) -> set[str]:
    """Return everything in these files that may be the name of a class."""
    return {word for path in paths for word in re.findall(r"[\w-]+", path.read_text(encoding="utf-8"))}


def used(css: str, words: set[str]) -> str:
    """Return a style sheet without the rules for classes that are not among ``words``.

    A word that ends in a hyphen stands for every class that begins with it, since scripts put names together.
    """
    beginnings = tuple(word for word in words if word.endswith("-") and len(word) >= SHORTEST)
    kept = []
    for head, body in rules(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)):
        if head.startswith(("@media", "@supports")):
            inner = used(body, words)
            kept.append(f"{head}{{{inner}}}" if inner else "")
        elif head.startswith("@") or not body:
            kept.append(f"{head}{{{body}}}" if body else head)
        else:
            selectors = [each for each in split_selectors(head) if may_match(each, words, beginnings)]
            kept.append(f"{','.join(selectors)}{{{body}}}" if selectors else "")
    return "".join(kept)


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Yield the (head, body) of each rule of a style sheet; statements without a body, such as ``@charset``, have an empty one."""
    at, depth, start, opened = 0, 0, 0, 0
    quoted = ""
    while at < len(css):
        sign = css[at]
        if quoted:
            at += sign == "\\"
            quoted = "" if sign == quoted else quoted
        elif sign in "\"'":
            quoted = sign
        elif sign == "{":
            opened, depth = (at, 1) if depth == 0 else (opened, depth + 1)
        elif sign == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : at].strip()
                start = at + 1
        elif sign == ";" and depth == 0:
            yield css[start : at + 1].strip(), ""
            start = at + 1
        at += 1


def split_selectors(head: str) -> list[str]:
    """Return the selectors of a rule; commas in brackets do not part them."""
    return [each.strip() for each in re.split(r",(?![^(\[]*[)\]])", head)]


def may_match(selector: str, words: set[str], beginnings: tuple[str, ...]) -> bool:
    """Return whether all classes of a selector may occur. What stands in brackets is no demand."""
    outside = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", re.sub(r"\([^()]*\)", "", selector))
    names = re.findall(r"\.((?:\\.|[\w-])+)", outside)
    return all(name in words or name.startswith(beginnings) or "\\" in name for name in names)


def drawn_icons(script: str, words: set[str]) -> str:
    """Return styles that draw the icons in use, from the paths in the script of the theme."""
    shapes: dict[str, str] = {}
    for name, width, height, path in ICON.findall(script):
        if f"fa-{name}" in words:
            drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><path d="{path}"/></svg>'
            shapes.setdefault(name, f'.fa-{name}{{--icon:url("data:image/svg+xml,{quote(drawing)}")}}')
    mask = "var(--icon) center/contain no-repeat"
    base = (
        '.fa-solid::before{content:"";display:inline-block;width:1em;height:1em;vertical-align:-.125em;background:currentColor;'
        f"-webkit-mask:{mask};mask:{mask}}}"
    )
    return base + "".join(shapes.values())


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", choose_mathjax)
    app.connect("html-page-context", load_mathjax, priority=400)  # before the extension of MathJax asks
    app.connect("html-page-context", leave_mathjax_out, priority=600)  # after it has answered
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
