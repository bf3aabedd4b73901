"""Why a pipeline does not allow something."""

from crm_core.kernel.errors import Refused


class NoSuchPipeline(Refused):
    """No pipeline of this name is in force.

    When: a deal is to be opened in a pipeline that nobody defined.
    Do: correct the name, or define the pipeline (`DefinePipeline`).

    Attributes:
        pipeline: the name.
    """

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        super().__init__(f"there is no pipeline {pipeline}")


class NoSuchStage(Refused):
    """The pipeline, as in force, has no such stage.

    When: a deal is to be opened in, moved to or reopened into a stage that its pipeline does not have (any more).
    Do: name one of its stages, or define the pipeline anew (`DefinePipeline`).

    Attributes:
        pipeline: the pipeline.
        stage: the stage that it does not have.
    """

    def __init__(self, pipeline: str, stage: str) -> None:
        self.pipeline = pipeline
        self.stage = stage
        super().__init__(f"pipeline {pipeline} has no stage {stage}")


class ClosingStage(Refused):
    """The stage is entered by winning or losing the deal, not by moving it there.

    When: a deal is to be opened in, moved to or reopened into a won or lost stage.
    Do: win or lose it (`WinDeal`, `LoseDeal`).

    Attributes:
        pipeline: the pipeline.
        stage: the won or lost stage.
    """

    def __init__(self, pipeline: str, stage: str) -> None:
        self.pipeline = pipeline
        self.stage = stage
        super().__init__(f"stage {stage} of pipeline {pipeline} is entered by winning or losing")
