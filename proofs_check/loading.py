"""Loads the plugin of the theorem checks where they are asked for, from an installed package too; other runs of pytest stay as they are.

A ``conftest.py`` beside the checks would come too late: pytest reads it after the command line, where ``--claims`` stands.
"""

from __future__ import annotations

import pytest


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    known = early_config.known_args_namespace
    # Options that only the plugin adds are not known yet, so that their values stand among the arguments too.
    if known.pyargs and any(str(word).partition("::")[0].split(".")[0] == __package__ for word in known.file_or_dir):
        early_config.pluginmanager.import_plugin(f"{__package__}.harness.plugin")
