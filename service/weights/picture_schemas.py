"""Schemas of histograms and heat maps, and their answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from ..http.openapi import BINARY, TEXT, Responses, json_answer
from ..http.pictures import PICTURE_PARTS, PNG, SVG
from ..http.schemas import Described

_SAMPLE = {
    "count": 200_704,
    "of": 200_704,
    "run": 200_704,
    "mean": -4.87419989e-05,
    "std": 0.0438613354,
    "min": -0.0759551152586937,
    "max": 0.07595464587211609,
    "below": 0,
    "above": 0,
    "nonfinite": 0,
}


class HistogramSample(Described):
    """The elements that a histogram counts, with their moments and extremes."""

    count: int = Field(description="Their number.", examples=[200_704])
    of: int = Field(description="The number of all elements of the tensor.", examples=[200_704])
    run: int = Field(
        description="How many are consecutive; the runs are spread evenly over the tensor.",
        examples=[200_704],
    )
    mean: float | None = Field(
        description="Mean of the finite ones; null without any.", examples=[-4.87419989e-05]
    )
    std: float | None = Field(description="Their population standard deviation.", examples=[0.0438613354])
    min: float | None = Field(description="The least finite one.", examples=[-0.0759551152586937])
    max: float | None = Field(description="The greatest finite one.", examples=[0.07595464587211609])
    below: int = Field(description="How many are below the first edge.", examples=[0])
    above: int = Field(description="How many are above the last edge.", examples=[0])
    nonfinite: int = Field(description="How many are infinite or NaN.", examples=[0])


class PointMass(Described):
    """A number that an element is with positive probability."""

    value: float = Field(description="The number.", examples=[0.0])
    mass: float = Field(description="Its probability.", examples=[0.1])


class TensorHistogram(Described):
    """The histogram of a tensor, and the exact distribution of its elements."""

    tensor: str = Field(description="The tensor's name.", examples=["weight"])
    dtype: str = Field(description="torch's name of its dtype.", examples=["float32"])
    shape: list[int] = Field(description="Its dimensions.", examples=[[256, 784]])
    counts: list[int] = Field(
        description="The number of elements in each bin, as numpy.histogram counts them.",
        examples=[[100_406, 100_298]],
    )
    edges: list[float] = Field(
        description="The edges of the bins, one more than there are bins.",
        examples=[[-0.0759551152586937, -2.347932886e-07, 0.07595464587211609]],
    )
    density: list[float] | None = Field(
        description="The exact density at each edge, before rounding to the dtype and without the masses; "
        "null where no formula is known. A bin holds about density · width · count elements.",
        examples=[[6.58280563, 6.58280563, 6.58280563]],
    )
    masses: list[PointMass] | None = Field(
        description="The numbers of positive probability, the likeliest first, at most 64; null where no "
        "formula is known.",
        examples=[[]],
    )
    support: tuple[float | None, float | None] | None = Field(
        description="The interval outside of which the density is 0, with null for an infinite end; null "
        "without a density.",
        examples=[[-0.07595545253127499, 0.07595545253127499]],
    )
    mean: float | None = Field(description="The exact mean, as in a plan.", examples=[0.0])
    std: float | None = Field(
        description="The exact standard deviation, as in a plan.", examples=[0.04385290096535146]
    )
    sample: HistogramSample = Field(description="The elements that are counted.", examples=[_SAMPLE])


class TensorHeatMap(Described):
    """Elements of a tensor as a matrix of its first dimension and of all others together."""

    tensor: str = Field(description="The tensor's name.", examples=["weight"])
    dtype: str = Field(description="torch's name of its dtype.", examples=["float32"])
    shape: list[int] = Field(description="Its dimensions.", examples=[[256, 784]])
    matrix: tuple[int, int] = Field(
        description="The rows and columns of the whole matrix. A tensor of one dimension is a single row.",
        examples=[[256, 784]],
    )
    view: Literal["corner", "whole"] = Field(
        description="The first rows and columns, or some spread evenly over the matrix.", examples=["corner"]
    )
    rows: list[int] = Field(description="The indices of the rows that are shown.", examples=[[0, 1]])
    columns: list[int] = Field(description="The indices of the columns that are shown.", examples=[[0, 1]])
    values: Any = Field(
        description="The exact elements as a list for each row: single ones, never means of several. Those "
        'that are not finite are "NaN", "Infinity" and "-Infinity".',
        examples=[[[0.01366, 0.02926], [-0.00512, 0.04101]]],
    )
    min: float | None = Field(description="The least finite one of them; null without one.", examples=[-0.1])
    max: float | None = Field(
        description="The greatest finite one of them; null without one.", examples=[0.1]
    )


def picture_answers(model: type[BaseModel], noun: str) -> Responses:
    """The documented 200, 206 and 304 of numbers and their picture."""
    good = json_answer(model, noun)
    good[200]["description"] = f"{noun}: its numbers as JSON, or the picture"
    good[200]["content"] |= {SVG: TEXT, PNG: BINARY}
    return {**good, **PICTURE_PARTS}
