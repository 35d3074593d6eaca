"""Pages as Markdown, filled in from claims, docstrings and tables. This module writes no formula."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2

import numerics.tolerances
import theory.neural_collapse.regression_error
import theory.posterior_collapse.information
import theory.symbols
from book.contents import all_claims, chapters
from book.examples import noun, sliding
from book.figures.landscape import has_landscape
from book.figures.practice import figures_of, figures_of_page
from book.figures.words import words_in_html
from book.live.parts import live_link
from book.render.api import (
    BACKENDS,
    array_operations,
    constants,
    definitions,
    known_lemmas,
    parts_of_a_claim,
    public_parts,
    source_from,
    summary,
)
from book.render.citations import cite, key_of, keys_in
from book.render.claims import (
    collapsed_where,
    crossed,
    decided,
    expressed,
    setting,
    within_rank,
)
from book.render.glossary import notation_table
from book.render.kernel import kernel_theorems
from book.render.landing import landing_figure
from book.render.lines import displayed
from book.render.map_drawing import drawing, legend
from book.render.map_graph import kernel_in_words, level_of, map_graph, rests_on
from book.render.markdown import badge, indented, item, prose, sentence, slug
from book.render.notation import Notation
from book.render.practice import (
    FAMILIES,
    compared,
    data_in_words,
    deviations,
    families,
    in_short,
    largest_of,
    off_at_nominal_decays,
    on_a_gpu,
    parameters_in_short,
    practice_badge,
    provenance,
    recorded,
)
from book.render.predicted import rows
from book.render.proof import proof_text
from book.render.scalar_problems import scalar_problems
from book.render.setting import objective
from book.render.theorem import cited, notation_list, set_apart, statement, verdict_in_words
from book.render.thresholds import equal_ratios, shown, threshold_rows, without_threshold
from book.render.verdicts import cells, counted_verdicts, in_few_cells, name_of, verdict_tables
from theory.claim import registry
from theory.disputes import DISPUTES
from theory.latex import latex
from theory.reference_code import REFERENCE_CODE
from theory.reference_code.posterior_collapse import WITHOUT_EFFECT

PAGES = Path(__file__).resolve().parents[1] / "pages"
SPECIFICATIONS = Path(__file__).resolve().parents[2] / "benchmarks" / "sweeps"
BENCHMARKS = SPECIFICATIONS.with_name("results")
OVERVIEW = (
    all_claims,
    chapters,
    cite,
    counted_verdicts,
    drawing,
    equal_ratios,
    in_few_cells,
    kernel_in_words,
    key_of,
    keys_in,
    landing_figure,
    legend,
    level_of,
    map_graph,
    name_of,
    notation_table,
    rests_on,
    scalar_problems,
    shown,
    threshold_rows,
    without_threshold,
    words_in_html,
)
"""What the pages on all claims call."""
OBJECTS: dict[str, Any] = {
    "backends": list(BACKENDS),
    "discrepancies": list(REFERENCE_CODE.values()),
    "disputes": DISPUTES,
    "information": theory.posterior_collapse.information,
    "regression_error": theory.neural_collapse.regression_error,
    "without_effect": WITHOUT_EFFECT,
}
"""What single pages are about."""


def page(template: str, **values: Any) -> str:
    """Return a page as MyST Markdown, from the name of its template and the values that the template uses."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "latex": latex,
        **{f.__name__: f for f in (displayed, indented, prose, recorded, sentence, slug, set_apart)},
    }
    named = (
        array_operations,
        badge,
        cells,
        cited,
        collapsed_where,
        decided,
        constants,
        crossed,
        definitions,
        expressed,
        item,
        kernel_theorems,
        known_lemmas,
        notation_list,
        live_link,
        has_landscape,
        noun,
        objective,
        parts_of_a_claim,
        proof_text,
        public_parts,
        rows,
        sliding,
        statement,
        sweep_specification,
        verdict_in_words,
    )
    environment.globals |= {f.__name__: f for f in (*named, registry, setting, source_from, summary, within_rank)}
    practice = (
        compared,
        data_in_words,
        deviations,
        families,
        figures_of,
        figures_of_page,
        in_short,
        off_at_nominal_decays,
        parameters_in_short,
        practice_badge,
        largest_of,
        on_a_gpu,
        provenance,
        recorded,
    )
    environment.globals |= {f.__name__: f for f in (*practice, benchmark, where_and_when)} | {
        "families_of_book": FAMILIES
    }
    environment.globals |= {f.__name__: f for f in OVERVIEW}
    environment.globals |= {
        "notation_of": Notation,
        "tables": verdict_tables,
        "tolerances": numerics.tolerances,
        "symbols": theory.symbols,
    }
    environment.globals |= OBJECTS
    return with_upright_words(environment.get_template(f"{template}.md").render(**values))


def with_upright_words(text: str) -> str:
    """Return text in whose formulas indices such as "dec" and "enc" are upright: a word is no product of letters."""
    return re.sub(r"_\{(dec|diff|enc|mi|tc|kl)\}", r"_{\\mathrm{\1}}", text)


def benchmark(name: str) -> dict[str, Any]:
    """Return what a benchmark found when its results were committed."""
    return json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))


def where_and_when(found: dict[str, Any]) -> str:
    """Return device, versions and date of a benchmark, in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return f"Measured on {found['date'][:10]}: {found['machine']}, {found['device']}, {versions}."


def sweep_specification(name: str) -> str:
    """Return the specification of a committed sweep."""
    return (SPECIFICATIONS / f"{name}.toml").read_text(encoding="utf-8").strip()
