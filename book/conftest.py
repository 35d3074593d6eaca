"""The distribution of the browser tests: one process runs all tests of a page, and opens the page once."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling


class ByPage(LoadScopeScheduling):
    """Groups tests by the page, which stands in the brackets of a test's name."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("[")[2] or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByPage(config, log)
