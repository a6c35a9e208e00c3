"""Queries of histograms and heat maps: their parameters, work and memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple, Self, cast

from tensorseed.errors import TensorError, shortened
from tensorseed.files.elements import ElementSource
from tensorseed.sampling.distributions.base import Elements
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.spellings.values import unquoted
from tensorseed.statistics.heatmap import MAX_SIDE, SIDE, VIEWS, HeatMap, View, heatmap, select_grid
from tensorseed.statistics.histogram import BINS, MAX_BINS, Histogram, check_interval, histogram
from tensorseed.statistics.selection import select_evenly
from tensorseed.suggestions import unknown_name

from ..http.errors import QueryError
from ..http.openapi import Parameter, parameter

ELEMENT_BYTES = 48  # of memory, for an element that is counted
CELL_BYTES = 200  # for an element that is written as JSON


class Prepared(NamedTuple):
    """The work of a picture: the elements that it reads, its memory, and what computes its numbers."""

    elements: Elements
    nbytes: int
    compute: Callable[[ElementSource], Histogram | HeatMap]


class PictureQuery(ABC):
    """What a query wants of a tensor."""

    name: ClassVar[str]
    """The end of the URL."""

    names: ClassVar[tuple[str, ...]]
    """The parameters."""

    @classmethod
    @abstractmethod
    def read(cls, parameters: dict[str, str]) -> Self:
        """Read the parameters.

        Raises:
            QueryError: one is not valid.
        """

    @abstractmethod
    def prepare(self, tensor: ResolvedTensor) -> Prepared:
        """Choose the elements. Takes some milliseconds."""


@dataclass(frozen=True)
class HistogramQuery(PictureQuery):
    """A histogram of `bins` equal bins, of an interval or of all numbers."""

    name = "histogram"
    names = ("bins", "range")

    bins: int
    interval: tuple[float, float] | None

    @classmethod
    def read(cls, parameters: dict[str, str]) -> HistogramQuery:
        """See `PictureQuery`."""
        return cls(_integer(parameters, "bins", BINS, MAX_BINS), _interval(parameters))

    def prepare(self, tensor: ResolvedTensor) -> Prepared:
        """See `PictureQuery`."""
        chosen = select_evenly(tensor)
        compute = partial(histogram, tensor, bins=self.bins, interval=self.interval, selection=chosen)
        return Prepared(chosen.elements, ELEMENT_BYTES * chosen.count, compute)


@dataclass(frozen=True)
class HeatMapQuery(PictureQuery):
    """A heat map of up to so many rows and columns."""

    name = "heatmap"
    names = ("rows", "columns", "view")

    rows: int
    columns: int
    view: View

    @classmethod
    def read(cls, parameters: dict[str, str]) -> HeatMapQuery:
        """See `PictureQuery`."""
        rows, columns = (_integer(parameters, name, SIDE, MAX_SIDE) for name in ("rows", "columns"))
        return cls(rows, columns, cast("View", _choice(parameters, "view", VIEWS)))

    def prepare(self, tensor: ResolvedTensor) -> Prepared:
        """See `PictureQuery`."""
        grid = select_grid(tensor, self.rows, self.columns, self.view)
        return Prepared(grid.elements, CELL_BYTES * grid.elements.count, partial(heatmap, tensor, grid=grid))


def histogram_parameters() -> list[Parameter]:
    """The documented parameters of a histogram."""
    return [
        _number("bins", "Bins of equal width.", BINS, MAX_BINS),
        parameter(
            "query",
            "range",
            "The lower and the upper edge of all bins; the least and the greatest element if left out.",
            "-0.1,0.1",
        ),
    ]


def heatmap_parameters() -> list[Parameter]:
    """The documented parameters of a heat map."""
    return [
        _number("rows", "Rows at most.", SIDE, MAX_SIDE),
        _number("columns", "Columns at most.", SIDE, MAX_SIDE),
        parameter(
            "query",
            "view",
            "corner: the first rows and columns. whole: rows and columns spread evenly over the tensor.",
            "whole",
            enum=list(VIEWS),
        ),
    ]


def _number(name: str, text: str, default: int, most: int) -> Parameter:
    meaning = f"{text} From 1 to {most:,}; {default} if left out."
    return parameter("query", name, meaning, default, type="integer", minimum=1, maximum=most)


def _integer(parameters: dict[str, str], name: str, default: int, most: int) -> int:
    text = unquoted(parameters.get(name, str(default)))
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise QueryError.at(name, f"{name} is a whole number from 1 to {most:,}: write {name}={default}")
    return int(text)


def _choice(parameters: dict[str, str], name: str, known: tuple[str, ...]) -> str:
    text = unquoted(parameters.get(name, known[0])).casefold()
    if text not in known:
        raise QueryError.at(name, unknown_name(name, shortened(text), known))
    return text


def _interval(parameters: dict[str, str]) -> tuple[float, float] | None:
    text = parameters.get("range")
    if text is None:
        return None
    ends = unquoted(text).split(",")
    try:
        low, high = map(float, ends)
        check_interval((low, high))
    except (ValueError, TensorError):
        detail = "range has a lower and a higher finite end: write range=-0.1,0.1"
        raise QueryError.at("range", detail) from None
    return low, high
