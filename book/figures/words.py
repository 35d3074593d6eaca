"""Words, symbols and numbers of figures and tables, as HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

import sympy as sp

from theory.cli.arguments import written_value
from theory.problem import Parameter


def symbol_in_html(latex: str) -> str:
    """Return the HTML of a symbol that is given as LaTeX, since titles of axes show no LaTeX."""
    name, _, below = re.sub(r"[\\{}]", "", latex).partition("_")
    letter = "ℓ" if name == "ell" else sp.pretty(sp.Symbol(name), use_unicode=True)
    return f"{letter}<sub>{below}</sub>" if below else letter


def label_in_html(parameter: Parameter) -> str:
    """Return the meaning of a parameter as HTML for the title of an axis, or its name if the meaning contains a longer formula."""
    formulas = re.findall(r"\$(.+?)\$", parameter.means)
    if not all(re.fullmatch(r"\\?\w+(_(\w|\{\w+\}))?", formula) for formula in formulas):
        return parameter.name.replace("_", " ")
    return re.sub(r"\$(.+?)\$", lambda match: symbol_in_html(match.group(1)), parameter.means)


def plain(label: str) -> str:
    """Return a label without tags, for readers to whom it is read aloud."""
    return re.sub(r"<[^>]+>", "", label)


def words_in_html(text: str) -> str:
    """Return a sentence with its formulas marked for MathJax."""
    return re.sub(r"\$(.+?)\$", r'<span class="math notranslate nohighlight">\\(\1\\)</span>', html.escape(text))


def parameters_in_words(values: Mapping[str, object]) -> str:
    """Return parameters in the form that the command line takes, each marked as code."""
    return " ".join(f"<code>{name}={written_value(value)}</code>" for name, value in values.items())


def relative(number: float) -> str:
    """Return a relative size with two digits and its order of magnitude."""
    return f"{number:.1e}" if number else "0"
