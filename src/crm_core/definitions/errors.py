"""Why a pipeline does not allow something."""

from crm_core.kernel.errors import Refused


class NoSuchPipeline(Refused):
    """No pipeline of this name is in force."""

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        super().__init__(f"there is no pipeline {pipeline}")


class NoSuchStage(Refused):
    """The pipeline, as in force, has no such stage."""

    def __init__(self, pipeline: str, stage: str) -> None:
        self.pipeline = pipeline
        self.stage = stage
        super().__init__(f"pipeline {pipeline} has no stage {stage}")


class ClosingStage(Refused):
    """The stage is entered by winning or losing the deal, not by moving it there."""

    def __init__(self, pipeline: str, stage: str) -> None:
        self.pipeline = pipeline
        self.stage = stage
        super().__init__(f"stage {stage} of pipeline {pipeline} is entered by winning or losing")
