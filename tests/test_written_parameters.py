"""Parameters as commands, conjectures and diagnoses print them: every command line reads them again, in the user's order."""

import functools
import json
import shlex

import pytest

from numerics.__main__ import main as numerics_main
from numerics.backends.points import points_of
from numerics.commands import training
from numerics.commands.main import COMMANDS
from numerics.judging.conjecture import observe
from numerics.searching import adversary
from numerics.searching.adversary import Violation
from proofs_check.harness.diagnosis.closer_look import as_lines
from proofs_check.harness.diagnosis.finding import Finding
from theory.__main__ import main as theory_main
from theory.claim import find, registry
from theory.problem import REQUIRED


@pytest.fixture(scope="module")
def trained_once():
    """Train an instance once for all commands, since the printed parameters do not depend on the optimum."""
    kept = {}
    with pytest.MonkeyPatch.context() as patch:
        train = training.train

        def train_once(claim, instances, starts=1, *options):
            if claim.id not in kept:
                kept[claim.id] = train(claim, instances, starts, *options)
            return kept[claim.id]

        def minimised(problem, *_, **__):
            return next(trained.solution for claim_id, trained in kept.items() if find(claim_id).problem is problem)

        patch.setattr(training, "train", train_once)
        patch.setattr(adversary, "minimise", minimised)
        yield train_once


@functools.cache
def given(claim_id):
    """Return parameters of a claim as a user may give them: the examples of their domains, with the sorted list reversed."""
    claim, values = find(claim_id), {}
    for parameter in claim.problem.parameters:
        if parameter.default is REQUIRED or parameter.domain.telling:
            values[parameter.name] = parameter.domain.example(values)
    instance = claim.problem.instance(**values)
    order = tuple(reversed(instance.order))
    return {p.name: p.domain.as_given(instance.values[p.name], order) for p in claim.problem.parameters}


def in_words(parameters):
    """Return parameters as ``name=value`` words, without the code that is tested."""

    def written(value, separator=","):
        if isinstance(value, list | tuple):
            nested = isinstance(value[0], list | tuple)
            return (";" if nested else separator).join(map(written, value))
        return json.dumps(value)

    return [f"{name}={written(value)}" for name, value in parameters.items()]


def as_json(parameters):
    return json.loads(json.dumps(parameters))


def instance_of(claim):
    return claim.problem.instance(**given(claim.id))


def test_some_orders_are_not_sorted():
    """Some user orders are not sorted, since otherwise the tests below could not see that an order is lost."""
    unsorted = [c.id for c in registry().values() if list(instance_of(c).order) != sorted(instance_of(c).order)]
    assert len(unsorted) > len(registry()) / 2


@pytest.mark.parametrize("claim_id", registry())
def test_every_command_prints_parameters_as_they_were_given(claim_id, capsys, trained_once):
    shorter = {"predict": [], "attack": ["--starts", "1", "--steps", "1"]}
    words = in_words(given(claim_id))
    for command in ("predict", *COMMANDS):
        main = numerics_main if command in COMMANDS else theory_main
        options = shorter.get(command, ["--starts", "1"])
        assert main([command, claim_id, *words, *options, "--json"]) in (0, 1), command
        assert json.loads(capsys.readouterr().out)["parameters"] == as_json(given(claim_id)), command


@pytest.mark.parametrize("claim_id", registry())
def test_what_is_written_as_words_is_read_again(claim_id, capsys, trained_once):
    """The command line reads the first line of a conjecture, the instance of a diagnosis, and the command of a violation again."""
    claim = find(claim_id)
    instance = instance_of(claim)
    (point,) = points_of(trained_once(claim, [instance]).solution.best_point())
    (_, where) = as_lines(claim, [Finding("value", "value differs", instance)])
    command = Violation(claim, instance, "a link", 1.0).command()
    assert where.startswith("    at ")
    assert command.startswith(f"python -m numerics attack {claim_id} ")
    for text in (
        observe(claim, instance, point, 0.0, None).lines()[0],
        where.removeprefix("    at "),
        command.removeprefix(f"python -m numerics attack {claim_id} "),
    ):
        assert theory_main(["predict", claim_id, *shlex.split(text), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["parameters"] == as_json(given(claim_id))
