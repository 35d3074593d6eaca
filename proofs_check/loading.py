"""Load the plugin of the theorem checks in every run of pytest that names the checks, also from an installed package.

Other runs of pytest are not changed. A ``conftest.py`` beside the checks would be read too late: pytest reads it after the
command line, and the option ``--claims`` stands on the command line.
"""

from __future__ import annotations

import pytest


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    known = early_config.known_args_namespace
    # pytest does not know the options of the plugin yet, so the values of these options are among the arguments too.
    if known.pyargs and any(str(word).partition("::")[0].split(".")[0] == __package__ for word in known.file_or_dir):
        early_config.pluginmanager.import_plugin(f"{__package__}.harness.plugin")
