"""Figures of the book: panels with a legend, a slider and words, in the colours of the page around them."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from IPython.display import HTML

from book.figures.marks import Mark
from book.figures.panel import Panel
from book.figures.scene import Scene
from book.figures.svg import element

COLOURS = ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7")
"""Colours that colour-blind readers tell apart (Okabe and Ito); each page gives them in a light and in a dark form."""
STYLE = (
    ".atlas-figure{--c0:#0072b2;--c1:#c04c00;--c2:#007d5c;--c3:#a8528c;--c4:#a86a00;--c5:#2b83ba;--c6:#6a3d9a;--c7:#444;"
    "--ink:#222;--words:#4a4f57;--soft:#6b7280;--grid:#dfe3e8}"
    + "".join(f".atlas-figure .{name}{{color:var(--{name})}}" for name in (*COLOURS, "ink", "words", "soft", "grid"))
    + ".atlas-panels{display:flex;flex-wrap:wrap;gap:.6rem;justify-content:center}"
)
"""Colours of a figure on a page that has no style sheet of this book, such as a notebook."""


@dataclass(frozen=True)
class Slider:
    """A slider that shows one frame of each panel at a time.

    Arguments:
        title: what the slider changes; ``<sub>`` is allowed.
        says: the words for each frame.
        start: the frame at which the slider stands first; the panels must start there, too.
    """

    title: str
    says: Sequence[str]
    start: int = 0

    def drawn(self) -> str:
        """Return the slider with its words as HTML."""
        name = "slide-" + hashlib.sha256(json.dumps([self.title, *self.says]).encode()).hexdigest()[:8]
        says = html.escape(json.dumps(list(self.says), ensure_ascii=False))
        return (
            f'<p class="atlas-slider"><label for="{name}">{self.title} <output for="{name}">{self.says[self.start]}</output></label>'
            f'<input id="{name}" type="range" min="0" max="{len(self.says) - 1}" value="{self.start}" data-says="{says}" '
            f'aria-valuetext="{html.escape(self.says[self.start])}"></p>'
        )


def show(
    name: str, panels: Sequence[Panel | Scene], words: str, slider: Slider | None = None, together: bool = False
) -> HTML:
    """Return a figure.

    Arguments:
        name: what kind of figure it is, for style sheets and tests.
        panels: the drawings.
        words: sentences below the figure, as HTML.
        slider: moves the frames of all panels.
        together: whether the panels stay in one row on a narrow page.
    """
    drawn = "".join(panel.drawn() for panel in panels)
    row = f'<div class="atlas-panels{" atlas-together" if together else ""}">{drawn}</div>'
    marks = [
        mark
        for panel in panels
        if isinstance(panel, Panel)
        for each in (panel.marks, *panel.frames[:1])
        for mark in each
    ]
    return HTML(
        f'<style>{STYLE}</style><figure class="atlas-figure" data-name="{name}">{legend(marks)}{row}{slider.drawn() if slider else ""}'
        f'<figcaption class="atlas-words">{words}</figcaption></figure>'
    )


def legend(marks: Iterable[Mark]) -> str:
    """Return the list of all marks with a label, each once, or nothing if there is none."""
    labelled: dict[str, Mark] = {}
    for mark in marks:
        if mark.label:
            labelled.setdefault(mark.label, mark)
    swatches = (
        element("svg", mark.swatch(), viewBox="0 0 28 12", width=28, height=12, aria_hidden="true")
        for mark in labelled.values()
    )
    entries = [f"<span>{swatch} {label}</span>" for label, swatch in zip(labelled, swatches, strict=True)]
    return f'<p class="atlas-legend">{" ".join(entries)}</p>' if entries else ""
