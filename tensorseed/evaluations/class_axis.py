"""Axis of the output that holds the classes, and their number."""

from __future__ import annotations

from collections.abc import Sequence

from tensorseed.evaluations.graph import INPUT, Node
from tensorseed.evaluations.request import TargetGiven
from tensorseed.evaluations.sources import ReadContext
from tensorseed.losses import Loss
from tensorseed.spec.layers.network_module import Shape

TORCH_AXIS = 1
"""The axis of the classes in torch's losses, of an input of two dimensions or more."""


def target_shape(loss: Loss, output: Shape, axis: int, *, classes: bool) -> Shape:
    """The default shape of a target; `axis` is that of the classes."""
    if classes and loss.takes_class_indices and output:
        return output[:axis] + output[axis + 1 :]
    return output


def find_class_axis(nodes: Sequence[Node], outputs: Sequence[Shape], given: Shape) -> int:
    """The axis of the classes in the last output: the last softmax's, or that of the features.

    `outputs` are the shapes of all outputs, and `given` is that of the input. An output of two dimensions has
    samples and classes.
    """
    axes, axis = {INPUT: -1}, -1
    for index, node in enumerate(nodes):
        source = node.sources[0]
        axis = node.layer.moved_axis(axes[source], outputs[source] if source >= 0 else given)
        found = node.layer.distribution_axis(len(outputs[index]))
        axis = axes[index] = axis if found is None else found
    dims = len(outputs[-1])
    return dims + axis if dims > TORCH_AXIS + 1 and -dims <= axis < 0 else min(max(dims - 1, 0), TORCH_AXIS)


def read_class_axis(given: TargetGiven, loss: Loss, output: Shape, found: int, context: ReadContext) -> int:
    """The axis of the classes, from the start: the given one, or the one `found`."""
    axis = given.class_axis
    if axis is None:
        return found
    where = ("target", "class_axis")
    if not loss.takes_class_indices:
        context.note(where, f"{loss.kind} has no axis of classes: leave class_axis out")
    elif not -len(output) <= axis < len(output):
        axes = f"the axes {-len(output)} to {len(output) - 1}" if output else "no axes"
        context.note(
            where, f"class_axis is {axis} and the output {list(output)} has {axes}: name one of them"
        )
    else:
        return axis % len(output)
    return found


def check_class_count(given: TargetGiven, output: Shape, axis: int, context: ReadContext) -> None:
    """Note a number of classes that is not that of the logits."""
    count = output[axis] if output else 1
    if given.classes is None or given.classes == count:
        return
    detail = (
        f"classes is {given.classes:,} and the output {list(output)} has {count:,} logits along axis {axis}"
    )
    others = [i for i, size in enumerate(output) if size == given.classes and i != axis and len(output) > 2]
    also = f", or give class_axis {others[0]}" if others else ""
    context.note(("target", "classes"), f"{detail}: make them equal{also}")


def axis_hint(loss: Loss, output: Shape, axis: int) -> str:
    """The clause for a target that does not fit an output of three dimensions or more."""
    if not loss.takes_class_indices or len(output) <= TORCH_AXIS + 1:
        return ""
    along = f"the output {list(output)} has its classes along axis {axis}"
    return f"; {along}: give class_axis where they are along another"
