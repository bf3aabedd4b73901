"""Commands one after the other, as they might come in: whatever a command refers to has been added before."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from crm_core.kernel.catalogue import catalogue, id_kind
from crm_core.kernel.decider import decisions
from crm_core.kernel.errors import Invalid
from crm_core.kernel.messages import Command, Event
from crm_core.testing.decisions import given
from crm_core.testing.strategies.messages import field_values, whole
from crm_core.testing.strategies.shapes import WORDS

Known = dict[str, dict[UUID, None]]
"""Kind of thing → the ids on record."""


def commands(
    *classes: type[Command],
    min_size: int = 0,
    max_size: int = 20,
    refused: bool = True,
    prefix: str = "",
    **fields: Any,
) -> SearchStrategy[list[Command]]:
    """Stories: lists of commands for an empty log, to be carried out in this order.

    Ids that a command may leave out are given, so that later commands can name what it adds; an id that a
    field requires is one on record by then. The decisions are taken without a store while the story is
    made up, so that a host's own commands and rules are part of it.

    Args:
        classes: what may be said; none: every command that anything decides.
        min_size: how many commands at least.
        max_size: how many at most.
        refused: whether commands that a rule refuses may be among them.
        prefix: what personal texts begin with.
        fields: values, or strategies, for fields of these names in any command.

    Raises:
        Invalid: no command has a field of that name.
    """
    chosen = classes or tuple(one.command for one in decisions())
    strangers = sorted(name for name in fields if not any(name in cls.model_fields for cls in chosen))
    if strangers:
        raise Invalid("commands", [(name, "is a field of none of them") for name in strangers])
    fixed = {name: one if isinstance(one, SearchStrategy) else st.just(one) for name, one in fields.items()}
    return _stories(chosen, min_size, max_size, refused, prefix, fixed)


@st.composite
def _stories(
    draw: DrawFn,
    classes: tuple[type[Command], ...],
    least: int,
    most: int,
    refused: bool,  # noqa: FBT001 - hypothesis passes it on
    prefix: str,
    fixed: Mapping[str, SearchStrategy[Any]],
) -> list[Command]:
    told: list[Command] = []
    facts: tuple[Event, ...] = ()
    known: Known = {}
    for _ in range(draw(st.integers(least, most))):
        possible = [cls for cls in classes if _possible(cls, known, fixed)]
        if not possible:
            break
        command = draw(_next(draw(st.sampled_from(possible)), known, prefix, fixed))
        outcome = given(*facts).when(command)
        if outcome.refusal is None or refused:
            told.append(command)
        facts += outcome.events
        for event in outcome.events:
            _note(known, event)
    return told


def _possible(cls: type[Command], known: Known, fixed: Mapping[str, Any]) -> bool:
    """Whether all that the command has to refer to can be on record."""
    kinds = {
        id_kind(info.annotation) for name, info in cls.model_fields.items() if info.is_required() and name not in fixed
    }
    return all(known.get(kind) for kind in kinds if kind)


def _next(
    cls: type[Command], known: Known, prefix: str, fixed: Mapping[str, SearchStrategy[Any]]
) -> SearchStrategy[Command]:
    own = {**field_values(cls, prefix), **WORDS.get(cls, {})}
    own = {name: _of_record(cls, name, one, known) for name, one in own.items()}
    own |= {name: one for name, one in fixed.items() if name in own}
    needed = {
        name: own[name]
        for name, info in cls.model_fields.items()
        if name in fixed or name in cls.__derived__ or info.is_required()
    }
    spare = {name: one for name, one in own.items() if name not in needed}
    return whole(cls, st.fixed_dictionaries(needed, optional=spare), own, fixed.keys() & own.keys())


def _of_record(cls: type[Command], name: str, values: SearchStrategy[Any], known: Known) -> SearchStrategy[Any]:
    """For an id of something else, one of those on record; None where it may be and there is none yet."""
    kind = id_kind(cls.model_fields[name].annotation)
    if kind is None or name in cls.__derived__:
        return values
    there = list(known.get(kind, {}))
    may_be_none = not cls.model_fields[name].is_required()
    if not there:
        return st.none() if may_be_none else values
    return st.none() | st.sampled_from(there) if may_be_none else st.sampled_from(there)


def _note(known: Known, event: Event) -> None:
    """Whatever an event names is on record from now on."""
    for name, kind in catalogue.of(event).refers.items():
        value = getattr(event, name)
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                known.setdefault(kind, {})[one] = None
