"""A function of tensors, recorded once and run again without Python and autograd: small tensors cost little beside the calls on them.

While the function runs for the first time, every operation on its way is noted together with the tensors that it reads and writes, those
of the backward pass included. After that a call runs the noted operations again, on the same memory and with what then stands in it. What
does not depend on the input is not computed again, and views need not be taken again. The results are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Result = TypeVar("Result")


class NotRecordable(Exception):
    """What the function does depends on the values of its input, or on chance."""


@dataclass(frozen=True)
class _Operation:
    """An operation that has run: what ran, on which arguments, what it returned, and the memory that it read and that it wrote or named."""

    function: torch._ops.OpOverload
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    result: Any
    read: frozenset[int]
    written: frozenset[int]

    @property
    def is_view(self) -> bool:
        """Whether the result is only another name for memory that was there."""
        return bool(self.written) and self.written <= self.read and not self.function._schema.is_mutable


aten = torch.ops.aten
CONSTANT = {
    aten.ones_like,
    aten.zeros_like,
    aten.full_like,
    aten.empty_like,
    aten.new_zeros,
    aten.new_full,
    aten.new_empty,
}
"""Operations that take only its shape from a tensor. They run again where something else writes into what they return."""


class _Notes(TorchDispatchMode):
    """Notes all operations that run below it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[_Operation] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise the first operation loads a compiler, which takes longer than most trainings

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        read = frozenset() if func._overloadpacket in CONSTANT else _memory((*args, *kwargs.values()))
        written = _memory((result,))
        self.operations.append(_Operation(func, args, kwargs, result, read, written))
        return result


class Recording(Generic[Result]):
    """A function without arguments, recorded when this is made, that reads and writes tensors of which some are ``changing``.

    A call does again what the function did, with what then stands in the changing tensors, and returns the same result: its tensors are
    overwritten by every call. The function runs once when it is recorded, and what it has written by then stays written.
    Raises NotRecordable when the function reads values that change, or the shapes of its results depend on them, or it draws at random.
    """

    def __init__(self, function: Callable[[], Result], changing: Sequence[Tensor]) -> None:
        notes = _Notes()
        with notes:
            self.result = function()
        self.kept = notes.operations  # whose tensors are the memory on which the steps work
        with torch.no_grad():
            self.steps = [_step(operation) for operation in _varying(notes.operations, changing)]

    @torch.no_grad()
    def __call__(self) -> Result:
        for step in self.steps:
            step()
        return self.result


SMALL = 2**14
"""Entries of a point of all runs up to which a function of it is recorded: with more, calls cost little beside the arithmetic."""


def recorded(function: Callable[[], Result], changing: Sequence[Tensor], point: Tensor) -> Callable[[], Result]:
    """Return the recording of a function of a small ``point`` on a processor, which has run once by then, or the function itself."""
    if point.device.type == "cuda" or point.numel() > SMALL:
        return function
    try:
        return Recording(function, changing)
    except NotRecordable:
        return function


def _varying(operations: Sequence[_Operation], inputs: Sequence[Tensor]) -> list[_Operation]:
    """Return the operations that have to run again when the input changes, in order.

    They are those that read memory which changes from call to call, and those that write where one of these writes as well.
    """
    changing, count = set(_memory(inputs)), -1
    chosen: list[_Operation] = []
    while len(changing) > count:
        count, chosen = len(changing), []
        for operation in operations:
            if changing.isdisjoint(operation.read) and changing.isdisjoint(operation.written):
                continue
            changing |= operation.written
            if not operation.is_view:
                chosen.append(operation)
    for operation in chosen:
        if not UNSAFE.isdisjoint(operation.function.tags):
            raise NotRecordable(f"{operation.function} depends on the values of the input, or on chance")
    return chosen


UNSAFE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.nondeterministic_seeded}
"""Marks of operations that may do something else when they run again."""


def _step(operation: _Operation) -> Callable[[], Any]:
    """Return what runs an operation again, and writes where it has written."""
    function, result = operation.function, operation.result
    if function._schema.is_mutable:
        return partial(_in_place(function), *operation.arguments, **operation.keywords)
    into = _into(operation) if isinstance(result, Tensor) else None
    if into is not None:
        return partial(into, *operation.arguments, **operation.keywords, out=result)

    def copied() -> None:
        again = function(*operation.arguments, **operation.keywords)
        for old, new in zip(_tensors((result,)), _tensors((again,)), strict=True):
            old.copy_(new)

    return copied


def _in_place(function: torch._ops.OpOverload) -> Callable[..., Any]:
    """Return the fastest form of an operation that writes into its arguments: the method of tensors or the function of that name."""
    name = _name(function)
    return getattr(Tensor if name.endswith("_") else torch, name, function)


_known: dict[tuple[Any, ...], Callable[..., Any] | None] = {}
"""The forms of operations that were found so far, by operation and kinds of arguments."""


def _into(operation: _Operation) -> Callable[..., Any] | None:
    """Return the fastest form of an operation that writes into a given tensor, or None where there is none."""
    kind = (operation.function, *map(type, operation.arguments), *operation.keywords)
    if kind not in _known:
        _known[kind] = next((form for form in _forms(operation.function) if _takes(form, operation)), None)
    return _known[kind]


def _forms(function: torch._ops.OpOverload) -> Iterator[Callable[..., Any]]:
    """Yield what may write the result of an operation into a given tensor, the fastest first."""
    schema, packet = function._schema, function._overloadpacket
    wanted = [(argument.name, str(argument.type)) for argument in schema.arguments]
    for name in packet.overloads():
        form = getattr(packet, name)
        own = [(argument.name, str(argument.type)) for argument in form._schema.arguments if not argument.is_out]
        outs = [argument.name for argument in form._schema.arguments if argument.is_out]
        if outs == ["out"] and own == wanted:
            short = getattr(torch, _name(function), None)
            yield from [form] if short is None else [short, form]


def _name(function: torch._ops.OpOverload) -> str:
    return function._schema.name.rpartition(":")[2]


def _takes(form: Callable[..., Any], operation: _Operation) -> bool:
    """Return whether a form takes the arguments of an operation."""
    try:
        form(*operation.arguments, **operation.keywords, out=torch.empty_like(operation.result))
    except TypeError:
        return False
    return True


def _memory(values: Iterable[Any]) -> frozenset[int]:
    """Return what tells the memory of one tensor among the values from that of others."""
    return frozenset(tensor.untyped_storage()._cdata for tensor in _tensors(values))


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors among values and lists of values."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found
