"""The pipelines in force: which stages a deal moves through, and how likely each is to be won."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from crm_core.definitions.commands import DefinePipeline
from crm_core.definitions.errors import ClosingStage, NoSuchPipeline, NoSuchStage
from crm_core.definitions.events import PipelineDefined, Stage, StageType
from crm_core.kernel.decider import Decider, Definition

SHIPPED: Mapping[str, tuple[Stage, ...]] = {
    "standard": (
        Stage(key="new_lead", label="New lead", probability=10),
        Stage(key="qualified_lead", label="Qualified lead", probability=25),
        Stage(key="proposal_sent", label="Proposal sent", probability=50, forecast_category="best_case"),
        Stage(key="negotiation", label="Negotiation", probability=75, forecast_category="commit"),
        Stage(key="won", label="Won", probability=100, type="won", forecast_category="closed"),
        Stage(key="lost", label="Lost", probability=0, type="lost", forecast_category="omitted"),
    )
}
"""What is in force before anybody defines anything."""


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Every pipeline in force: its stages in order, under its key."""

    stages: Mapping[str, tuple[Stage, ...]] = field(default_factory=lambda: SHIPPED)

    def of(self, pipeline: str) -> tuple[Stage, ...]:
        """The stages of a pipeline.

        Raises:
            NoSuchPipeline: none of this key.
        """
        if pipeline not in self.stages:
            raise NoSuchPipeline(pipeline)
        return self.stages[pipeline]

    def open_stage(self, pipeline: str, key: str) -> Stage:
        """A stage that a deal can be moved to.

        Raises:
            NoSuchPipeline: no such pipeline.
            NoSuchStage: the pipeline has no such stage.
            ClosingStage: it is entered by winning or losing.
        """
        found = next((stage for stage in self.of(pipeline) if stage.key == key), None)
        if found is None:
            raise NoSuchStage(pipeline, key)
        if found.type != "open":
            raise ClosingStage(pipeline, key)
        return found

    def starting_stage(self, pipeline: str, key: str | None) -> Stage:
        """The stage that a deal starts in: the one asked for, or the first open one.

        Raises:
            NoSuchPipeline: no such pipeline.
            NoSuchStage: the pipeline has no such stage.
            ClosingStage: it is entered by winning or losing.
        """
        return self.open_stage(pipeline, key) if key is not None else self.first(pipeline, "open")

    def first(self, pipeline: str, type: StageType) -> Stage:
        """The first stage of a type; every pipeline has one of each.

        Raises:
            NoSuchPipeline: no such pipeline.
        """
        return next(stage for stage in self.of(pipeline) if stage.type == type)


def in_force(pipelines: Pipelines, event: PipelineDefined) -> Pipelines:
    """The last definition of a pipeline holds."""
    return Pipelines({**pipelines.stages, event.pipeline: event.stages})


pipelines: Definition[Pipelines] = Definition("pipelines", initial=Pipelines(), evolve=in_force)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages one pipeline was last given; empty: it was never defined."""

    stages: tuple[Stage, ...] = ()


def evolve(pipeline: Pipeline, event: PipelineDefined) -> Pipeline:
    """The pipeline after one more definition."""
    return Pipeline(event.stages)


definers: Decider[Pipeline] = Decider("pipeline", initial=Pipeline(), evolve=evolve)


@definers.decision
def define(pipeline: Pipeline, command: DefinePipeline) -> Iterator[PipelineDefined]:
    """What is in force already, shipped or defined, is not news."""
    if command.stages != (pipeline.stages or SHIPPED.get(command.pipeline)):
        yield PipelineDefined(pipeline=command.pipeline, stages=command.stages)
