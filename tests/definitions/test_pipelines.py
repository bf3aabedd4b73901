"""Pipelines: which definitions make sense, and which is in force."""

from typing import Any

import pytest

from crm_core.commands import DefinePipeline
from crm_core.definitions.pipelines import SHIPPED, Pipelines, pipelines
from crm_core.errors import Invalid, NoSuchPipeline
from crm_core.events import PipelineDefined, Stage
from crm_core.kernel.messages import Event
from crm_core.testing import given

talking = Stage(key="talking", label="Talking", probability=30)
signed = Stage(key="signed", label="Signed", probability=100, type="won", forecast_category="closed")
gone = Stage(key="gone", label="Gone", probability=0, type="lost", forecast_category="omitted")
simple = (talking, signed, gone)


def in_force(*events: Event) -> Pipelines:
    folded: Pipelines = given(*events).state(pipelines.fold)
    return folded


def test_the_five_stages_everybody_knows_are_there_from_the_start() -> None:
    stages = in_force().of("standard")
    assert [stage.key for stage in stages if stage.type != "lost"] == [
        "new_lead",
        "qualified_lead",
        "proposal_sent",
        "negotiation",
        "won",
    ]
    assert DefinePipeline(pipeline="standard", stages=stages).stages == stages, "what ships obeys our own rules"


def test_a_pipeline_of_ones_own_is_defined() -> None:
    given().when(DefinePipeline(pipeline="renewals", stages=simple)).then(
        PipelineDefined(pipeline="renewals", stages=simple)
    )


def test_the_last_definition_of_a_pipeline_is_in_force_and_the_others_stay() -> None:
    now = in_force(
        PipelineDefined(pipeline="renewals", stages=SHIPPED["standard"]),
        PipelineDefined(pipeline="renewals", stages=simple),
    )
    assert now.of("renewals") == simple
    assert now.of("standard") == SHIPPED["standard"]
    with pytest.raises(NoSuchPipeline):
        now.of("partners")


def test_what_is_in_force_is_no_news() -> None:
    given().when(DefinePipeline(pipeline="standard", stages=SHIPPED["standard"])).then_nothing()
    defined = PipelineDefined(pipeline="standard", stages=simple)
    given(defined).when(DefinePipeline(pipeline="standard", stages=simple)).then_nothing()
    given(defined).when(DefinePipeline(pipeline="standard", stages=SHIPPED["standard"])).then(
        PipelineDefined(pipeline="standard", stages=SHIPPED["standard"])
    )


@pytest.mark.parametrize(
    ("stages", "rule"),
    [
        ((), "exactly one won"),
        ((signed, gone), "an open stage"),
        ((talking, gone), "exactly one won"),
        ((talking, signed), "one lost"),
        ((talking, signed, signed.model_copy(update={"key": "signed_2"}), gone), "exactly one won"),
        ((talking, talking, signed, gone), "keys must differ"),
    ],
    ids=["empty", "no open", "no won", "no lost", "two won", "same key"],
)
def test_a_pipeline_has_open_stages_and_one_of_each_end(stages: tuple[Stage, ...], rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        DefinePipeline(pipeline="renewals", stages=stages)


@pytest.mark.parametrize("wrong", [-1, 101, 0.5, "50", True])
def test_a_probability_is_whole_per_cent(wrong: Any) -> None:
    with pytest.raises(Invalid, match="probability"):
        Stage(key="talking", label="Talking", probability=wrong)


@pytest.mark.parametrize("wrong", ["", "Renewals", "re newals", "x" * 101, "-x"])
def test_a_pipeline_is_named_by_a_code(wrong: Any) -> None:
    with pytest.raises(Invalid, match="pipeline"):
        DefinePipeline(pipeline=wrong, stages=simple)
