"""The plugin of pytest: options, Hypothesis profiles, the closing table, and the distribution of tests to processes.

Unit tests that take a claim run in the process that checks this claim, where the claim is derived and trained already.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from numerics.training.optimise import choose_device
from proofs_check.harness.progress import Progress
from proofs_check.harness.report import Ledger, write_table
from theory.claim import add_files, find, registry
from theory.errors import CheckFailed, ParameterError, quoted, shown_path

BATCHES = {"quick": 1, "ci": 2, "thorough": 60}
"""Batches drawn for each claim in each regime, by profile."""
FIXED_SEED = 20230301
CHECKS = Path(__file__).parents[1]

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


def writable(path: Path) -> bool:
    """Return whether a file can be written to or created."""
    try:
        return not path.is_dir() and os.access(path if path.exists() else path.parent, os.W_OK)
    except OSError:  # the name is too long, or the folder may not be entered
        return False


def pytest_configure(config: pytest.Config) -> None:
    # The tensors are small: a second thread waits more than it works, and two processes would compete for the same two cores.
    torch.set_num_threads(1)
    try:
        choose_device(config.getoption("--device"))
        add_files(config.getoption("--claims"))
        registry()
    except ParameterError as error:
        raise pytest.UsageError(str(error)) from None
    table = config.getoption("--table")
    if table is not None and not writable(table):
        raise pytest.UsageError(f"--table: '{shown_path(table)}' is not allowed; it is a file that can be written")
    if config.getoption("--hypothesis-profile") not in (None, *BATCHES):
        raise pytest.UsageError(f"--hypothesis-profile is one of {', '.join(BATCHES)}")
    profile = config.getoption("--hypothesis-profile") or "quick"
    handed_over = getattr(config, "workerinput", {}).get("seed")
    seed = handed_over or (secrets.randbits(32) if profile == "thorough" else FIXED_SEED)
    progress = None
    if profile == "thorough":
        progress = Progress(config.pluginmanager.getplugin("capturemanager"), BATCHES[profile])
    ledger = Ledger(config.getoption("--device"), profile, seed, progress)
    config.stash[Ledger.key] = ledger
    config.pluginmanager.register(Bookkeeper(ledger))


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
    """Hand the seed to a worker process, so that all processes draw the same instances."""
    node.workerinput["seed"] = node.config.stash[Ledger.key].seed


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Attach to the report of a test, in the process that ran the test, the figures that the test found for its claim.

    A failure of the claim, and not of the code, is reported by its message alone, without a traceback.
    """
    report = (yield).get_result()
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    claim = parameters.get("claim") or parameters.get("refuted")
    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed | ParameterError):
        says = str(call.excinfo.value)
        report.longrepr = says if claim is None else item.config.stash[Ledger.key].once(claim.id, says)
    if claim is not None and item.path.parent == CHECKS and (call.when == "call" or report.failed):
        report.found = [claim.id, item.config.stash[Ledger.key].take_fresh(claim.id), call.duration]


class Bookkeeper:
    """Enters the reports of all processes into the ledger of the process that prints the table."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "found"):
            claim_id, batches, seconds = report.found
            self.ledger.note(find(claim_id), batches, report.passed, seconds)


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
    target = config.getoption("--table")
    if target is not None:
        write_table(ledger, target)
        terminalreporter.write_line(f"table written to {target}")
