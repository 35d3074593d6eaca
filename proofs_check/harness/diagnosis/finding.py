"""Findings: things that are wrong with a claim, as lines for its author."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theory.problem import Instance


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a claim.

    ``headline`` says in one line what is wrong, ``instance`` is where this shows, and ``details`` are further lines. ``about``
    names what is wrong; two findings about the same have the same ``about``.
    """

    about: str
    headline: str
    instance: Instance | None = None
    details: tuple[str, ...] = ()


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def agree(names: Sequence[str]) -> str:
    """Return the verb of a sentence in which these names agree with something."""
    return "agrees" if len(names) == 1 else "agree"
