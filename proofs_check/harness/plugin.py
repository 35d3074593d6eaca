"""The plugin of pytest: options, Hypothesis profiles, the closing table, and the distribution of tests to processes.

Unit tests that take a claim run in the process that checks this claim, where the claim is derived and trained already.
"""

from __future__ import annotations

import secrets
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from numerics.training.optimise import choose_device
from proofs_check.harness.progress import Progress
from proofs_check.harness.report import Check, Ledger
from proofs_check.harness.table import TableFile
from theory.claim import Claim, add_files, find, registry
from theory.errors import CheckFailed, ParameterError, quoted

BATCHES = {"quick": 1, "ci": 2, "thorough": 60}
"""Batches drawn for each claim in each regime, by profile."""
FIXED_SEED = 20230301
CHECKS = Path(__file__).parents[1]
CHECKS_OF = pytest.StashKey[Counter[str]]()
"""Where a run keeps how many checks each claim has."""
FINISHED = pytest.StashKey[list[str]]()
"""Where a run keeps the claims that need no check any more."""

_shared = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    "print_blob": False,
}
_drawing = [Phase.explicit, Phase.generate]
_phases = {"quick": _drawing, "ci": _drawing, "thorough": [*_drawing, Phase.shrink]}  # shrinking trains again and again
for _name, _batches in BATCHES.items():
    settings.register_profile(_name, max_examples=_batches, phases=_phases[_name], **_shared)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("theorem checks")
    group.addoption("--device", default="cpu", help="where to train: cpu (default), cuda or auto")
    group.addoption("--claims", action="append", default=[], metavar="FILE", help="a file with a claim of your own")
    group.addoption("--table", type=Path, default=None, help="also write the closing table to this JSON file")
    group.addoption(
        "--resume", action="store_true", help="leave out the claims that have passed by the file of --table"
    )


def pytest_configure(config: pytest.Config) -> None:
    # The tensors are small: a second thread waits more than it works, and two processes would compete for the same two cores.
    torch.set_num_threads(1)
    try:
        choose_device(config.getoption("--device"))
        add_files(config.getoption("--claims"))
        registry()
    except ParameterError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("--hypothesis-profile") not in (None, *BATCHES):
        raise pytest.UsageError(f"--hypothesis-profile is one of {', '.join(BATCHES)}")
    profile = config.getoption("--hypothesis-profile") or "quick"
    handed_over = getattr(config, "workerinput", {})
    seed = handed_over.get("seed") or (secrets.randbits(32) if profile == "thorough" else FIXED_SEED)
    progress = None
    if profile == "thorough":
        # pytest-timeout is for tests that hang, and here one test trains for minutes.
        config.option.timeout = 0 if getattr(config.option, "timeout", None) is None else config.option.timeout
        progress = Progress(config.pluginmanager.getplugin("capturemanager"), BATCHES[profile])
    ledger = Ledger(config.getoption("--device"), profile, seed, progress)
    config.stash[Ledger.key] = ledger
    table = None if handed_over else opened_table(config, ledger)
    ledger.seed = ledger.seed if table is None else table.seed
    config.stash[FINISHED] = handed_over.get("finished", [])
    if config.getoption("--resume") and not handed_over:
        if table is None:
            raise pytest.UsageError("--resume: it needs --table FILE, where the finished claims are")
        config.stash[FINISHED] = table.finished
    config.pluginmanager.register(Bookkeeper(ledger, table), "bookkeeper")


def opened_table(config: pytest.Config, ledger: Ledger) -> TableFile | None:
    """Return the table that a run writes, or None where none was asked for."""
    path = config.getoption("--table")
    try:
        return None if path is None else TableFile.at(path, ledger.profile, ledger.seed, ledger.device_name())
    except ParameterError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run one process on an accelerator, and otherwise as many processes as the machine has cores."""
    return 1 if choose_device(config.getoption("--device")).type == "cuda" else None


class ByClaim(LoadScopeScheduling):
    """Hands all tests of a claim to one process, which derives and trains the claim once.

    Tests without a claim are handed out file by file, so that the fixtures of a file are made once. Scopes with many tests go
    first, so that the processes end at about the same time.
    """

    def _split_scope(self, nodeid: str) -> str:
        parameters = nodeid.partition("[")[2].rstrip("]")
        named = [claim_id for claim_id in registry() if f"-{claim_id}-" in f"-{parameters}-"]
        return max(named, key=len, default=nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByClaim(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand seed and finished claims to a worker process, so that all processes draw the same instances and find the same checks."""
    node.workerinput["seed"] = node.config.stash[Ledger.key].seed
    node.workerinput["finished"] = node.config.stash[FINISHED]


@pytest.fixture(scope="session")
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return request.config.stash[Ledger.key]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    own: list[str] = []
    for mark in metafunc.definition.iter_markers("parametrize"):
        own += [mark.args[0]] if isinstance(mark.args[0], str) else mark.args[0]
    for name, refuted in (("claim", False), ("refuted", True)):
        if name in metafunc.fixturenames and name not in own:
            chosen = {c.id: c for c in registry().values() if (c.refutation is not None) == refuted}
            metafunc.parametrize(name, list(chosen.values()), ids=list(chosen), scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count the checks of each claim before an expression chooses among them, and leave out the finished claims."""
    checked = [(item, claim.id) for item in items if (claim := checked_by(item)) is not None]
    config.stash[CHECKS_OF] = Counter(claim_id for _, claim_id in checked)
    finished = {item for item, claim_id in checked if claim_id in config.stash[FINISHED]}
    if finished:
        config.hook.pytest_deselected(items=list(finished))
        items[:] = [item for item in items if item not in finished]


def claim_of(item: pytest.Item) -> Claim | None:
    """Return the claim that a test takes, or None."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters.get("claim") or parameters.get("refuted")


def checked_by(item: pytest.Item) -> Claim | None:
    """Return the claim that a test checks. A unit test checks none, whatever claim it takes."""
    return claim_of(item) if item.path.parent == CHECKS else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Attach to the report of a check, in the process that ran the check, its outcome and the figures that it found.

    A failure of the claim, and not of the code, is reported by its message alone, without a traceback.
    """
    report, ledger, claim = (yield).get_result(), item.config.stash[Ledger.key], claim_of(item)
    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed | ParameterError):
        says = str(call.excinfo.value)
        report.longrepr = says if claim is None else ledger.once(claim.id, says)
    checked = checked_by(item)
    if checked is not None and (call.when == "call" or report.failed):
        found, count = ledger.take_fresh(checked.id), item.config.stash[CHECKS_OF][checked.id]
        outcome = Check(item.nodeid, count, report.passed, call.duration, found)
        report.checked = [checked.id, vars(outcome)]  # plain values, which can be sent between processes


class Bookkeeper:
    """Enters the reports of all processes into the ledger of the process that prints the table, and into the table's file."""

    def __init__(self, ledger: Ledger, table: TableFile | None) -> None:
        self.ledger, self.table = ledger, table

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "checked"):
            return
        claim_id, outcome = report.checked
        row = self.ledger.note(find(claim_id), Check(**outcome))
        if self.table is not None and row.is_complete:
            with suppress(ParameterError):  # a disk that is full now may have room at the end, where a failure is said
                self.table.write(self.ledger)

    def table_in_words(self) -> str | None:
        """Write the table, and return what has become of it, or None where none was asked for."""
        if self.table is None:
            return None
        try:
            self.table.write(self.ledger)
        except ParameterError as error:
            return f"no table written: {error}"
        partly = [row.claim.id for row in self.ledger.in_order() if not row.is_complete]
        left_out = f", without {', '.join(partly)}, which this run did not check in full" if partly else ""
        return f"table written to {self.table.path}{left_out}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and config.getoption("keyword"):
        terminalreporter.write_line(
            f"no claim or check matches {quoted(config.getoption('keyword'))}; the claims are {', '.join(registry())}; "
            "a claim in a file of your own needs --claims FILE"
        )
    ledger = config.stash[Ledger.key]
    if not ledger.rows:
        return
    terminalreporter.section("claims")
    terminalreporter.write_line(f"profile {ledger.profile}, device {ledger.device_name()}, seed {ledger.seed}")
    for line in ledger.lines():
        terminalreporter.write_line(line)
    for row in ledger.in_order():
        if row.conjectures:
            terminalreporter.section(f"{row.claim.id} claims nothing; what training found")
        for conjecture in row.conjectures:
            terminalreporter.write_line("\n    ".join(conjecture))
    about_table = config.pluginmanager.getplugin("bookkeeper").table_in_words()
    if about_table is not None:
        terminalreporter.write_line(about_table)
