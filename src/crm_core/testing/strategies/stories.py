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
from crm_core.kernel.refusals import NotOnRecord
from crm_core.testing.decisions import given
from crm_core.testing.strategies.messages import but_none, field_values, whole
from crm_core.testing.strategies.shapes import WORDS

_TRIES = 5
"""How often on average something else is tried where a story cannot go on."""
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
        min_size: how many commands at least, as far as there is something to say.
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
    needs = {cls: _needs(cls, fixed) for cls in classes}
    told: list[Command] = []
    facts: tuple[Event, ...] = ()
    known: Known = {}
    size = draw(st.integers(least, most))
    for _ in range(size * _TRIES):
        possible = [cls for cls in classes if needs[cls] <= known.keys()]
        if len(told) == size or not possible:
            break
        command = draw(_next(draw(st.sampled_from(possible)), known, prefix, fixed))
        outcome = given(*facts).when(command)
        if outcome.refusal is None or (refused and not isinstance(outcome.refusal, NotOnRecord)):
            told.append(command)
        facts += outcome.events
        for event in outcome.events:
            _note(known, event)
    return told


def _needs(cls: type[Command], fixed: Mapping[str, Any]) -> set[str]:
    """The kinds of things of which one must be on record for the command to be about."""
    needed = (info for name, info in cls.model_fields.items() if info.is_required() and name not in fixed)
    return {kind for info in needed if (kind := id_kind(info.annotation))}


def _next(
    cls: type[Command], known: Known, prefix: str, fixed: Mapping[str, SearchStrategy[Any]]
) -> SearchStrategy[Command]:
    own, given_ones = field_values(cls, prefix), {name: one for name, one in fixed.items() if name in cls.model_fields}
    of_record = {name: one for name in own if (one := _of_record(cls, name, known)) is not None}
    own = {**own, **WORDS.get(cls, {}), **of_record, **given_ones}
    needed = {
        name: own[name]
        for name, info in cls.model_fields.items()
        if name in fixed or name in cls.__derived__ or info.is_required()
    }
    spare = {name: one for name, one in own.items() if name not in needed}

    def some(name: str) -> SearchStrategy[Any]:
        nobody_yet = name in of_record and not known.get(_kind(cls, name))
        return but_none(field_values(cls, prefix)[name] if nobody_yet else own[name])

    return whole(cls, st.fixed_dictionaries(needed, optional=spare), some, given_ones)


def _of_record(cls: type[Command], name: str, known: Known) -> SearchStrategy[Any] | None:
    """For an id of something else, one of those on record, or None where it may be; for anything else nothing."""
    if not _kind(cls, name) or name in cls.__derived__:
        return None
    there = list(known.get(_kind(cls, name), {}))
    chosen = st.sampled_from(there) if there else st.nothing()
    return chosen if cls.model_fields[name].is_required() else st.none() | chosen


def _kind(cls: type[Command], name: str) -> str:
    """Of which kind of thing the field holds ids; empty: it holds none."""
    return id_kind(cls.model_fields[name].annotation) or ""


def _note(known: Known, event: Event) -> None:
    """Whatever an event names is on record from now on."""
    for name, kind in catalogue.of(event).refers.items():
        value = getattr(event, name)
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                known.setdefault(kind, {})[one] = None
