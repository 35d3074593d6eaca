"""The pages on all claims: contents, map, thresholds, citations, glossary, and the numbers of the moving figure."""

import json
import math
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import sympy as sp

from book import contents
from book.contents import CHAPTERS, FALSE, OWN, QUESTIONS, all_claims, chapter, chapters, simplicity
from book.render import map_graph as mapped
from book.render.citations import cite, entries, key_of, keys_in
from book.render.glossary import notation_table
from book.render.landing import RESULTS, class_frames, direction_frames, landing_figure, shape
from book.render.map_drawing import drawing, legend
from book.render.map_graph import Level, map_graph
from book.render.shared_parts import key, shared_steps
from book.render.thresholds import crossing, in_class_counts, in_fractions, threshold_rows
from book.render.verdicts import VerdictTable, counted_verdicts
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from theory.claim import Verdict, find, places, registry, shipped
from theory.export.record import TheoremRecord
from theory.expressions import Formula
from theory.proof import Identity, Threshold
from theory.symbols import K, N, k, n, n_k

SHIPPED = [find(claim_id) for claim_id in shipped()]
LONGEST_NAME = 36
"""Most characters of a name in the sidebar."""


@pytest.mark.parametrize("claim", SHIPPED, ids=lambda claim: claim.id)
def test_every_claim_of_the_suite_has_a_short_title_and_a_chapter(claim):
    assert 0 < len(claim.short_title) <= LONGEST_NAME
    assert claim.chapter in CHAPTERS


def test_short_titles_differ():
    assert len({claim.short_title for claim in SHIPPED}) == len(SHIPPED)


def test_contents_hold_every_claim_once():
    toc = contents.contents()
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    assert len(files) == len(set(files))
    assert [name for name in files if name.startswith("claims/")] == [f"claims/{claim.id}" for claim in all_claims()]
    assert sorted(claim.id for claim in all_claims()) == sorted(registry())


def test_claims_stand_where_their_verdict_says(monkeypatch):
    claim, place = find("mse-imbalanced"), places()["mse-imbalanced"][0]
    known = dict(places())

    def at(place, claim):
        monkeypatch.setattr(contents, "places", lambda: {**known, claim.id: (place, claim)})
        return chapter(claim)

    assert at(place, claim) == CHAPTERS["MSE"]
    assert at(place, replace(claim, chapter="")) == "Neural collapse"
    assert at(place, replace(claim, derive=None, verdict=Verdict.OPEN)) == QUESTIONS
    assert at("/somewhere/own.py", claim) == OWN
    assert chapter(find("ce-deep-linear")) == FALSE


def test_the_simplest_claim_of_a_chapter_comes_first():
    for claims in chapters().values():
        assert claims == sorted(claims, key=simplicity)
    assert chapters()[CHAPTERS["one level"]][0].id == "vae-learnable-variance"


def test_verdicts_are_counted_in_a_sentence():
    said = counted_verdicts()
    for verdict in {claim.verdict for claim in registry().values()}:
        assert str(sum(claim.verdict is verdict for claim in registry().values())) in said


@pytest.mark.parametrize("claim", SHIPPED, ids=lambda claim: claim.id)
def test_ratios_in_class_counts_have_the_value_of_the_derived_ones(claim):
    """The table may write a ratio in other letters, and never another ratio."""
    for threshold in claim.prediction.thresholds:
        written = in_class_counts(threshold)
        if written == threshold.ratio:
            continue
        assert threshold.ratio.has(n)
        counts = {n: 7, K: 3, N: 21, n_k[k]: 7}
        free = {
            s: sp.Rational(index + 2, 11) for index, s in enumerate(sorted(written.free_symbols - {N, K, n}, key=str))
        }
        both = [expression.subs(counts).subs(free) for expression in (written, threshold.ratio)]
        assert sp.simplify(both[0] - both[1]) == 0


def test_thresholds_have_one_row_each():
    rows = [row for rows in threshold_rows().values() for row in rows]
    predictions = [claim.prediction for claim in registry().values()]
    assert len(rows) == sum(len(p.thresholds) + (p.total_collapse is not None) for p in predictions)
    everything = [row.claim_id for row in rows if row.what == "anything at all"]
    assert sorted(everything) == ["ce-imbalanced", "ce-soft-labels", "ordinal-cumulative-link"]


def test_jumps_are_told_apart():
    x, M = sp.symbols("x M", positive=True)
    steady = Threshold(x, k, K, tuned="beta")
    assert crossing(steady) == "shrinks to zero"
    assert crossing(replace(steady, jump=sp.true)) == "jumps"
    assert crossing(replace(steady, jump=M > 1)) == "jumps where $M > 1$, otherwise shrinks to zero"


def test_no_negative_power_is_left_in_a_fraction():
    x, y, m = sp.symbols("x y m", positive=True)
    assert in_fractions(x**2 * y ** (-1 / m)) == r"\frac{x^{2}}{y^{1/m}}"
    assert in_fractions(x / y) == r"\frac{x}{y}"
    assert in_fractions(x) == "x"


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a":
            self.links.append(given["href"])


def test_map_holds_every_claim_and_every_lemma():
    graph = map_graph(all_claims())
    assert [node.key for node in graph.column(1)] == [claim.id for claim in all_claims()]
    lemmas = {f"lemma {lemma.name}" for claim in registry().values() for lemma in claim.proof.lemmas}
    assert {node.key for node in graph.nodes if node.key.startswith("lemma ")} == lemmas
    used = {(f"lemma {lemma.name}", claim.id) for claim in registry().values() for lemma in claim.proof.lemmas}
    assert used <= set(graph.edges)
    known = {node.key for node in graph.nodes}
    assert all(end in known for edge in graph.edges for end in edge)


def test_objectives_join_claims_that_share_the_code_of_their_loss():
    shared = {}
    for claim in SHIPPED:
        if claim.problem.objective:
            shared.setdefault(claim.problem.objective, set()).add(claim.problem.loss.__module__.split(".")[1])
    assert len(shared) > 3
    assert all(len(packages) == 1 for packages in shared.values())


def test_shared_steps_have_the_same_formulas():
    groups = shared_steps(SHIPPED)
    assert any(len(claim_ids) == 4 for claim_ids in groups)
    for claim_ids, steps in groups.items():
        for claim_id in claim_ids:
            own = {key(step) for step in find(claim_id).proof.steps}
            assert {key(step) for step in steps} <= own


def test_steps_of_other_formulas_are_not_shared():
    x = sp.Symbol("x", positive=True)
    one, two = Identity("a step", "says", x + x, 2 * x), Identity("a step", "says", x * x, x**2)
    assert key(one) != key(two)
    assert key(one) == key(replace(one, says="in other words"))


def theorem(name):
    return TheoremRecord(name, "says", "statement", "file", ())


def test_levels_follow_verdict_and_checks(monkeypatch):
    claim = find("mse-imbalanced")
    assert mapped.level_of(claim) in (Level.KERNEL, Level.CERTIFIED)
    monkeypatch.setattr(mapped, "kernel_theorems", lambda claim: ())
    assert mapped.level_of(claim) is Level.CERTIFIED
    monkeypatch.setattr(mapped, "verdict_tables", list)
    assert mapped.level_of(claim) is Level.SYMBOLIC
    in_part, whole = (tuple(map(theorem, names)) for names in (["lower_bound"], ["With_bias.lower_bound", "attained"]))
    monkeypatch.setattr(mapped, "kernel_theorems", lambda claim: in_part)
    assert mapped.level_of(claim) is Level.SYMBOLIC
    monkeypatch.setattr(mapped, "kernel_theorems", lambda claim: whole)
    assert mapped.level_of(claim) is Level.KERNEL
    assert mapped.level_of(find("ce-deep-linear")) is Level.REFUTED
    assert mapped.level_of(replace(claim, derive=None, verdict=Verdict.OPEN)) is Level.OPEN


def test_a_group_of_steps_is_in_the_kernel_if_all_its_steps_are(monkeypatch):
    monkeypatch.setattr(mapped, "kernel_statement", lambda claim, step: "checked")
    groups = [node for node, _ in mapped.step_groups(SHIPPED)]
    assert {node.level for node in groups} == {Level.KERNEL}
    spoiled = shared_steps(SHIPPED)
    name = next(iter(spoiled.values()))[0].name
    monkeypatch.setattr(mapped, "kernel_statement", lambda claim, step: None if step.name == name else "checked")
    assert Level.SYMBOLIC in {node.level for node, _ in mapped.step_groups(SHIPPED)}


def test_steps_in_the_kernel_are_counted_in_a_sentence(monkeypatch):
    claims = [find("mse-imbalanced"), find("vae-fixed-variance")]
    total = sum(len(claim.proof.steps) for claim in claims)
    monkeypatch.setattr(mapped, "kernel_statement", lambda claim, step: None)
    assert mapped.kernel_in_words(claims) == ""
    monkeypatch.setattr(mapped, "kernel_statement", lambda claim, step: "checked" if claim is claims[0] else None)
    assert f"{len(claims[0].proof.steps)} of the {total} steps" in mapped.kernel_in_words(claims)


def test_every_box_of_the_drawing_is_a_link_and_carries_its_sign():
    graph = map_graph(all_claims())
    svg = drawing(graph)
    assert Links(svg).links == [node.link for node in graph.nodes]
    for node in graph.nodes:
        assert f">{node.level.sign}</text>" in svg
    assert svg.count("<path") == len(graph.edges)
    assert len({level.sign for level in Level}) == len(Level)
    assert all(node.level.word in legend(graph) for node in graph.nodes)


@pytest.mark.parametrize("claim", SHIPPED, ids=lambda claim: claim.id)
def test_papers_and_lemmas_are_in_the_bibliography(claim):
    found = key_of(claim.source)
    assert found is not None
    assert entries()[found].fields["title"].replace("{", "").replace("}", "") == claim.source.title
    assert entries()[found].fields["year"] in claim.source.venue
    assert all(keys_in(lemma.source) for lemma in claim.proof.lemmas)


def test_every_entry_of_the_bibliography_can_be_found():
    for name, entry in entries().items():
        assert {"doi", "url"} & set(entry.fields), name
        if "doi" in entry.fields:
            assert entry.fields["doi"].startswith("10."), name


def test_the_longer_title_is_meant_where_one_contains_another():
    assert keys_in("Horn, Johnson, Topics in Matrix Analysis, Theorem 3.3.16") == ["horn1991topics"]
    assert keys_in("Horn, Johnson, Matrix Analysis, 0.7.4") == ["horn1985matrix"]
    assert keys_in("a note of one's own") == []
    assert cite() == cite(None) == ""


def test_notation_explains_every_symbol():
    table = notation_table()
    assert {"weight_decay", "beta", "n_k", "layer_width"} <= {name for _, name, _ in table}
    assert all(written and says for written, _, says in table)


def test_the_trained_network_of_the_first_page_meets_the_certified_optimum():
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["classifier"]
    for frame in found["shrinking"]:
        assert frame["lower"] <= frame["upper"] * (1 + 1e-12)
        assert frame["upper"] <= frame["value"] <= frame["lower"] * (1 + 1e-7)
        longest = max(math.hypot(*mean) for mean in frame["means"])
        for mean, optimum in zip(frame["means"], frame["optimum"], strict=True):
            assert math.dist(mean, optimum) < 1e-3 * longest
        assert frame["scatter"] < 1e-3
    losses = [frame["value"] for frame in found["learning"]]
    assert losses[-1] < losses[0]


def test_the_vae_of_the_first_page_meets_its_prediction():
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["autoencoder"]
    claim = find(found["claim"])
    instances = [claim.problem.instance(theta=tuple(found["theta"]), beta=beta) for beta in found["beta"]]
    threshold = claim.prediction.threshold
    ratios = evaluate(Formula(threshold.ratio, ((threshold.index, threshold.count),)), stack_bindings(instances))
    for trained, predicted, row in zip(found["trained"], found["predicted"], ratios.tolist(), strict=True):
        assert trained == pytest.approx(predicted, abs=1e-9)
        assert [size > 1e-9 for size in trained] == [ratio > 1 for ratio in row]
    assert found["gap"] < 1e-10


def test_frames_say_what_they_show():
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    classes, directions = class_frames(found["classifier"]), direction_frames(found["autoencoder"])
    assert classes[len(found["classifier"]["learning"])]["says"].endswith("120°, 120°, 120°.")
    assert "same mean" in classes[-1]["says"]
    assert "0 of 12" in directions[-1]["says"]
    assert all("as predicted" in frame["says"] for frame in directions)
    assert shape([[1, 0], [0, 1], [-1, 0]]) == "Angles between the class means: 90°, 180°, 90°."


def test_the_moving_figure_brings_its_first_frame_and_all_numbers():
    text = landing_figure()
    assert text.count('class="bar') == 12
    data = text.split('id="collapse-frames">')[1].split("</script>")[0]
    frames = json.loads(data)
    assert len(frames["classes"]) > 30
    assert len(frames["directions"]) == 25
    assert f'value="{len(json.loads(RESULTS.read_text(encoding="utf-8"))["classifier"]["learning"])}"' in text


def test_a_claim_without_a_short_title_is_called_by_its_title():
    claim = find("mse-imbalanced")
    assert claim.name == claim.short_title
    assert replace(claim, short_title="").name == claim.title


def test_a_table_names_the_days_of_its_checks():
    def dates(*days):
        return VerdictTable("thorough", 1, "cpu", {}, [{"date": day} for day in days]).dates

    assert dates("2026-11-28", "2026-11-28") == "2026-11-28"
    assert dates("2026-11-30", "2026-11-28", "2026-11-29") == "2026-11-28 to 2026-11-30"
