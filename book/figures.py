"""The figures and the table of a claim's page, drawn from its invariants, its chain and its threshold."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from types import SimpleNamespace

import plotly.graph_objects as go
import sympy as sp
import torch
from IPython.display import HTML
from plotly.subplots import make_subplots
from torch import Tensor

from book.examples import SWEEP_POINTS, Crossing, Example, TrainedExample, noun, train_sweep
from numerics.backends.tensors import DTYPE
from numerics.judging.chain import run_chain
from numerics.judging.conjecture import observe
from numerics.judging.counterexamples import hold_against_published, status
from numerics.tolerances import NEAR_CERTIFICATE_GAP, VALUE_GAP
from numerics.training.optimise import minimise
from theory.claim import Verdict, find
from theory.problem import Invariant, Parameter

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#444444")
"""Colours that readers with colour-blindness tell apart (Okabe and Ito)."""
DASHES = ("solid", "dot", "dashdot", "dash")
FIT = """
    const figure = document.getElementById("{plot_id}");
    new ResizeObserver(() => Plotly.Plots.resize(figure)).observe(figure.parentElement);
"""
"""Script that keeps a figure as wide as its column; plotly puts the id of the figure in."""
SCENE = {"backgroundcolor": "white", "gridcolor": "#dfe3e8"}
BARE = {"showarrow": False, "yshift": 16}
FLOOR = 1e-17
"""Smallest gap drawn on a logarithmic axis; gaps of exactly zero are shown here."""
BESIDE = 1e-9
"""How far from a jump, relative, its two sides are drawn."""
LENGTHS = tuple(10 ** (i / 8) for i in range(-16, 9))
REMAINING = tuple(10 ** (-i / 5) for i in range(36))


def show(figure: go.Figure, words: str, height: int) -> HTML:
    """Return a figure that the book's own plotly.js draws, with a sentence below it."""
    figure.update_layout(
        template="plotly_white", height=height, margin={"l": 60, "r": 20, "t": 40, "b": 50}, font={"size": 13},
        paper_bgcolor="white", plot_bgcolor="white",
    )  # fmt: skip
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False}, default_width="100%", post_script=FIT
    )
    return HTML(f'<div class="atlas-figure">{drawn}</div><p class="atlas-words">{words}</p>')


def symbol_in_html(latex: str) -> str:
    """Return a symbol, given as LaTeX, for axis titles, which show HTML and no LaTeX."""
    name, _, below = re.sub(r"[\\{}]", "", latex).partition("_")
    letter = sp.pretty(sp.Symbol(name), use_unicode=True)
    return f"{letter}<sub>{below}</sub>" if below else letter


def label_in_html(parameter: Parameter) -> str:
    """Return what a parameter means, for axis titles: its words and its symbol, or its name where that is no symbol."""
    formulas = re.findall(r"\$(.+?)\$", parameter.means)
    if not all(re.fullmatch(r"\\?\w+(_(\w|\{\w+\}))?", formula) for formula in formulas):
        return parameter.name.replace("_", " ")
    return re.sub(r"\$(.+?)\$", lambda match: symbol_in_html(match.group(1)), parameter.means)


def words_in_html(text: str) -> str:
    """Return a sentence with its formulas marked for MathJax."""
    return re.sub(r"\$(.+?)\$", r'<span class="math notranslate nohighlight">\\(\1\\)</span>', html.escape(text))


def parameters_in_words(values: Mapping[str, object]) -> str:
    """Return parameters as the command line takes them."""

    def shown(value: object) -> str:
        if not isinstance(value, tuple):
            return str(value).lower()
        return ";".join(map(shown, value)) if isinstance(value[0], tuple) else ",".join(f"{x:g}" for x in value)

    return " ".join(f"<code>{name}={shown(value)}</code>" for name, value in values.items())


def relative(number: float) -> str:
    """Write a relative size with its order of magnitude."""
    return f"{number:.1e}" if number else "0"


def comparison_table(run: TrainedExample) -> HTML:
    """Return predicted against trained value, the deviations of the invariants, and the certificate."""
    comparison, certificate, solution = run.comparison, run.certificate, run.solution
    reached = (solution.values[0] - comparison.value <= VALUE_GAP * abs(comparison.value)).sum().item()
    certified = [("Certified lower bound", "none applies to this problem yet")]
    if certificate is not None:
        certified = [
            (f"Certified lower bound ({certificate.method})", f"{certificate.lower:.12g}"),
            ("Relative gap to the trained minimum", relative(certificate.gap)),
        ]
    says = {i.name: words_in_html(i.says) for i in run.example.claim.problem.invariants}
    trained = ("Trained minimum", f"{comparison.value:.12g}")
    values = [("Predicted minimum", "the claim gives no formula"), trained]
    if run.example.claim.prediction.value is not None:
        predicted = ("Predicted minimum", f"{comparison.predicted:.12g}")
        values = [predicted, trained, ("Relative gap of the two", relative(comparison.gap))]
    rows = [
        *values,
        *((f"Relative deviation of {says[name]}", relative(size)) for name, size in comparison.deviations.items()),
        *certified,
        ("Starts that reached this minimum", f"{reached} of {solution.values.shape[1]}"),
        (f"Training time on {solution.device}", f"{solution.seconds:.2f} s"),
    ]
    body = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    return HTML(
        f'<p>The example: {parameters_in_words(run.example.instance.values)}</p><table class="atlas-table">{body}</table>'
    )


def conjecture(run: TrainedExample) -> HTML:
    """Return in words what the trained point of a claim without a formula looks like."""
    example = run.example
    found = observe(example.claim, example.instance, run.point, run.comparison.value, run.certificate)
    return HTML("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in found.lines()) + "</ul>")


def symmetric_root(gram: Tensor) -> Tensor:
    """Return the positive semidefinite square root: its rows are vectors with these inner products."""
    values, vectors = torch.linalg.eigh(gram)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.mT


def is_gram(matrix: Tensor) -> bool:
    """Tell whether a matrix holds the inner products of some vectors."""
    if not torch.allclose(matrix, matrix.mT):
        return False
    values = torch.linalg.eigvalsh(matrix)
    return bool(values[0] >= -1e-12 * values[-1].abs())


def spread_views(gram: Tensor) -> Tensor:
    """Return three axes that show the vectors behind a Gram matrix: its leading eigenvectors [n, 3]."""
    vectors = torch.linalg.eigh(gram).eigenvectors.flip(-1)[:, :3]
    return torch.nn.functional.pad(vectors, (0, 3 - vectors.shape[1]))


def geometry(run: TrainedExample) -> HTML:
    """Draw the vectors behind the Gram matrices among the invariants: predicted lines, trained rings.

    A Gram matrix fixes its vectors up to a rotation; the symmetric square root is the choice made for both. Of what there is
    for each layer nothing is drawn.
    """
    example, measured = run.example, run.measured()
    invariants = sorted(
        (i for i in example.claim.problem.invariants if i.kind == "matrix" and measured[i.name].ndim == 2),
        key=lambda i: not i.shows_collapse,
    )
    predicted = {i.name: example.predicted(i) for i in invariants}
    drawn = {name: measured[name] if matrix is None else matrix for name, matrix in predicted.items()}
    shown = [i for i in invariants if is_gram(drawn[i.name])][:2]
    figure = make_subplots(
        rows=1, cols=len(shown), specs=[[{"type": "scene"}] * len(shown)], horizontal_spacing=0.02,
        subplot_titles=[i.name.replace("_", " ") for i in shown],
    )  # fmt: skip
    shared = spread_views(drawn[shown[0].name])
    for column, invariant in enumerate(shown, start=1):
        line_is = "trained" if predicted[invariant.name] is None else "predicted"
        root = symmetric_root(drawn[invariant.name])
        whole = torch.allclose((root @ shared).norm(), root.norm())
        axes = shared if whole else spread_views(drawn[invariant.name])
        tips = root @ axes
        rings = symmetric_root(measured[invariant.name]) @ axes
        reach = 1.15 * float(torch.cat([tips, rings]).abs().max())
        box = {"title": "", "showticklabels": False, "zeroline": False, "range": [-reach, reach]} | SCENE
        figure.update_scenes(xaxis=box, yaxis=box, zaxis=box, row=1, col=column)
        numbers: list[dict] = []
        for number, (tip, ring) in enumerate(zip(tips.tolist(), rings.tolist(), strict=True)):
            colour, label = COLOURS[number % len(COLOURS)], f"{noun(example.claim)} {number + 1}"
            arrow = go.Scatter3d(
                x=[0, tip[0]], y=[0, tip[1]], z=[0, tip[2]], mode="lines", line={"width": 8, "color": colour},
                name=f"{label}, {line_is}",
            )  # fmt: skip
            trained = go.Scatter3d(
                x=[ring[0]], y=[ring[1]], z=[ring[2]], mode="markers", name=f"{label}, trained",
                marker={"size": 9, "symbol": "circle-open", "color": colour, "line": {"width": 3}},
            )  # fmt: skip
            figure.add_traces([arrow, trained], rows=1, cols=column)
            x, y, z = (1.15 * part for part in ring)
            numbers.append(
                {"x": x, "y": y, "z": z, "text": str(number + 1), "font": {"size": 17, "color": colour}} | BARE
            )
        figure.update_scenes(annotations=numbers, row=1, col=column)
    figure.update_layout(showlegend=False)
    figure.update_scenes(aspectmode="cube", camera={"eye": {"x": 1.0, "y": 1.0, "z": 0.65}})
    silent = all(predicted[i.name] is None for i in shown)
    ends = "The claim predicts no vectors" if silent else "Lines end at the predicted vectors"
    words = (
        f"Drag to turn. {ends}, rings are the trained ones, and each number is that of a {noun(example.claim)}; a "
        "vector of length zero carries nothing. A Gram matrix fixes its vectors up to a rotation: for both, the rows of "
        "its symmetric square root are drawn, along leading eigenvectors of the first matrix where these show the "
        "whole of it, and of its own otherwise."
    )
    return show(figure, words, 440)


def random_points(example: Example, lengths: tuple[float, ...], seed: int) -> SimpleNamespace:
    """Return one random point multiplied by each length, as a batch of points."""
    generator = torch.Generator().manual_seed(seed)
    trained = example.claim.problem.active_variables(example.instance)
    sizes = {s: v for s, v in example.instance.bindings.items() if isinstance(v, int)}
    scales = torch.tensor(lengths, dtype=DTYPE)[:, None, None]
    arrays = {}
    for variable in trained:
        rows, columns = (int(side.subs(sizes)) for side in variable.shape)
        array = torch.randn(rows, columns, generator=generator, dtype=DTYPE)
        arrays[variable.name] = scales * (array.abs() if variable.nonnegative else array)
    return SimpleNamespace(**arrays)


def chain(run: TrainedExample) -> HTML:
    """Draw loss and bounds above the predicted value: along a random ray, and on the way to the trained optimum."""
    example = run.example
    ray = random_points(example, LENGTHS, seed=0)
    start = random_points(example, (1.0,), seed=1)
    left = torch.tensor(REMAINING, dtype=DTYPE)[:, None, None]
    best = vars(run.point)
    segment = SimpleNamespace(**{name: left * array + (1 - left) * best[name] for name, array in vars(start).items()})
    optimum = SimpleNamespace(**{name: array[None] for name, array in best.items()})
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=False, horizontal_spacing=0.12,
        subplot_titles=("at random points of growing size", "from a random point to the trained optimum"),
    )  # fmt: skip
    broken: list[str] = []
    silent = example.claim.prediction.value is None
    reference = "trained minimum" if silent else "predicted value"
    for column, (positions, point) in enumerate(((LENGTHS, ray), (REMAINING, segment)), start=1):
        values = run_chain(example.claim, [example.instance] * len(positions), point)
        broken += values.violations()
        shown = len(values.names) - (not silent)
        zero = run.comparison.value if silent else values.values[-1]
        above = (values.values[:shown] - zero) / abs(run.comparison.predicted)
        for number, (name, gaps) in enumerate(zip(values.names[:shown], above.clamp(min=FLOOR).tolist(), strict=True)):
            figure.add_trace(
                go.Scatter(
                    x=positions, y=gaps, mode="lines", name=name, legendgroup=name, showlegend=column == 1,
                    line={"color": COLOURS[number], "width": 2.5, "dash": DASHES[number % 4]},
                ), row=1, col=column,
            )  # fmt: skip
    ended = run_chain(example.claim, [example.instance], optimum)
    broken += ended.violations()
    if broken and example.claim.verdict is Verdict.HOLDS:
        raise AssertionError(f"{example.claim.id}: {'; '.join(broken)}")
    order = f"the chain is broken here: {'; '.join(broken)}" if broken else "no line rises above the one before it"
    apart = float((ended.values - ended.values[-1]).abs().max() / abs(run.comparison.predicted))
    power = {"type": "log", "exponentformat": "power"}
    figure.update_xaxes(title="size of the random entries", **power, row=1, col=1)
    figure.update_xaxes(title="share of the way left", autorange="reversed", **power, row=1, col=2)
    figure.update_yaxes(title=f"above the {reference}, relative", **power, row=1, col=1)
    figure.update_yaxes(**power, row=1, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.25})
    figure.update_annotations(yshift=8)  # the titles stay clear of the uppermost numbers
    words = (
        f"Each line is one bound of the chain above the {reference}, which is the zero of this scale; {order}. A line "
        f"at {FLOOR:.0e} equals the {reference} or lies below it{'' if silent else ' by rounding'}. "
        f"At the trained optimum itself they differ by {relative(apart)} (relative)."
    )
    return show(figure, words, 430)


def alike(crossing: Crossing) -> list[list[int]]:
    """Group the classes or directions that share their size and their partner, and so their curve."""
    problem, bindings = crossing.claim.problem, crossing.at(crossing.critical[0]).bindings
    sizes = list(bindings[problem.tied])
    partners = [None] * len(sizes) if problem.partner is None else list(bindings[problem.partner])
    groups: dict[object, list[int]] = {}
    for number, size in enumerate(sizes):
        groups.setdefault((size, partners[number] if number < len(partners) else None), []).append(number)
    return list(groups.values())


def with_gaps(
    positions: list[float], curve: list[float], breaks: list[float]
) -> tuple[list[float], list[float | None]]:
    """Return a curve that is interrupted at the given positions."""
    points: list[tuple[float, float | None]] = [*zip(positions, curve, strict=True), *((x, None) for x in breaks)]
    points.sort(key=lambda point: point[0])
    return [x for x, _ in points], [y for _, y in points]


def shown_entries(invariant: Invariant) -> str:
    """Return in words which entries of an invariant show the collapse."""
    name = invariant.name.replace("_", " ")
    return name if invariant.kind == "spectrum" else f"diagonal of the {name}"


def crossing(run: TrainedExample, number: int = 0) -> HTML:
    """Draw the predicted sizes against a threshold's parameter with trained points, and bars that a slider moves."""
    crossed = run.example.crossings[number]
    claim, jumps = crossed.claim, crossed.jumps()
    label = label_in_html(claim.problem.parameter(crossed.tuned))
    thresholds = sorted(set(crossed.critical))
    trained_at, curve_at = crossed.sweep(SWEEP_POINTS), sorted(crossed.sweep(240))
    if jumps:
        curve_at = sorted([*curve_at, *(x * (1 + side * BESIDE) for x in thresholds for side in (-1, 1))])
    trained, certified = train_sweep(crossed, trained_at)
    predicted_there = crossed.predicted(trained_at)
    curves = crossed.predicted(curve_at)
    top = 1.08 * float(curves.max())
    labels = [str(i + 1) for i in range(curves.shape[1])]
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(labels))]
    first = 0
    figure = make_subplots(rows=1, cols=2, column_widths=[0.66, 0.34], horizontal_spacing=0.1)
    figure.add_bar(
        x=labels, y=predicted_there[first].tolist(), marker_color=colours, opacity=0.55, name="predicted",
        showlegend=False, row=1, col=2,
    )  # fmt: skip
    figure.add_scatter(
        x=labels, y=trained[first].tolist(), mode="markers", name="trained", showlegend=False, row=1, col=2,
        marker={"symbol": "circle-open", "size": 13, "color": colours, "line": {"width": 2.5}},
    )  # fmt: skip
    figure.add_scatter(
        x=[trained_at[first]] * 2, y=[0, top], mode="lines", line={"color": "#888888", "width": 1.5}, hoverinfo="skip",
        showlegend=False, row=1, col=1,
    )  # fmt: skip
    for group in alike(crossed):
        several = len(group) > 1
        name = noun(claim) + ("es" if several and noun(claim) == "class" else "s" if several else "")
        name += f" {labels[group[0]]}" + (f"–{labels[group[-1]]}" if several else "")
        x, y = with_gaps(curve_at, curves[:, group[0]].tolist(), thresholds if jumps else [])
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colours[group[0]], "width": 2.5}, name=name, row=1, col=1,
        )  # fmt: skip
        figure.add_scatter(
            x=[x for x in trained_at for _ in group], y=trained[:, group].flatten().tolist(), mode="markers",
            name=f"{name}, trained", showlegend=False,
            marker={"symbol": "circle-open", "size": 9, "color": colours[group[0]], "line": {"width": 2}}, row=1, col=1,
        )  # fmt: skip
    for threshold in thresholds:
        figure.add_vline(x=threshold, line={"color": "#bbbbbb", "width": 1, "dash": "dot"}, row=1, col=1)
    figure.update_xaxes(title=label, type="log", exponentformat="power", row=1, col=1)
    figure.update_xaxes(title=noun(claim), row=1, col=2)
    figure.update_yaxes(range=[0, top], row=1, col=1, title=shown_entries(crossed.telling), exponentformat="power")
    figure.update_yaxes(range=[0, top], row=1, col=2, exponentformat="power")
    steps = []
    for x, bars, rings in zip(trained_at, predicted_there.tolist(), trained.tolist(), strict=True):
        moved = {"x": [labels, labels, [x, x]], "y": [bars, rings, [0, top]]}
        steps.append({"method": "restyle", "label": f"{x:.3g}", "args": [moved, [0, 1, 2]]})
    current = {"prefix": f"{label} = "}
    figure.update_layout(
        sliders=[{"steps": steps, "active": first, "currentvalue": current, "pad": {"t": 70, "b": 10}}],
        legend={"orientation": "h", "y": 1.12}, bargap=0.35,
    )  # fmt: skip
    event = f"a {noun(claim)} jumps to zero" if jumps else f"the entry of a {noun(claim)} shrinks to zero"
    words = (
        f"Move the slider to change the {label}; the other parameters are {parameters_in_words(crossed.values)}. Lines and "
        f"bars are predicted, rings are trained; the dotted lines are the predicted thresholds, at each of which {event}. "
        f"Of the {len(trained_at)} trained points {certified} are certified to be global minima up to "
        f"{NEAR_CERTIFICATE_GAP:.0e} (relative)."
    )
    return show(figure, words, 575)


REFUTED_SIZES = [(classes, depth) for depth in range(1, 4) for classes in range(3, 8)]
REFUTED_DECAY = 0.03


def refutation_table(claim_id: str) -> HTML:
    """Return a table of trained points held against every point of the published structure, over some sizes."""
    claim, rows = find(claim_id), []
    for classes, depth in REFUTED_SIZES:
        instance = claim.problem.instance(
            class_counts=(2,) * classes, depth=depth, weight_decay=REFUTED_DECAY, feature_decay=REFUTED_DECAY
        )
        solution = minimise(claim.problem, [instance], starts=2)
        (found,) = hold_against_published(claim, [instance], solution.best_point())
        says = "counterexample" if found.refutes else "nothing better found"
        known = status(claim.refutation, instance)
        cells = (classes, depth, f"{found.upper:.10f}", f"{found.lower:.10f}", f"{found.gap:.1e}", says, known)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = ("K", "M", "trained", "published, at least", "gap", "found", "proved for all decays")
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>"
    return HTML(f'<table class="table"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>')
