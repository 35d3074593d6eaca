"""Domains: the values that a parameter may take, and everything that the suite does with such values."""

from theory.domains.domain import Domain
from theory.domains.flag import Flag
from theory.domains.labels import LabelMatrix
from theory.domains.lists import DifferentPositiveReals, PositivePerDimension, PositiveReals, RealMatrix
from theory.domains.numbers import GreaterThan, PositiveReal, RealAbove, RealBetween
from theory.domains.reading import LARGEST, LARGEST_INTEGER, SMALLEST, reject, unbound
from theory.domains.sizes import (
    ClassCounts,
    OrderedClassCounts,
    TwoUnequalCounts,
    WholeNumber,
    Width,
    WidthPair,
    Widths,
)

__all__ = [
    "LARGEST",
    "LARGEST_INTEGER",
    "SMALLEST",
    "ClassCounts",
    "DifferentPositiveReals",
    "Domain",
    "Flag",
    "GreaterThan",
    "LabelMatrix",
    "OrderedClassCounts",
    "PositivePerDimension",
    "PositiveReal",
    "PositiveReals",
    "RealAbove",
    "RealBetween",
    "RealMatrix",
    "TwoUnequalCounts",
    "WholeNumber",
    "Width",
    "WidthPair",
    "Widths",
    "reject",
    "unbound",
]
