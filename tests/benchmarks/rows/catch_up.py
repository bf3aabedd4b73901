"""A view that has fallen behind: events folded in order, rows and checkpoint durable together."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from eventsourcing.persistence import InfrastructureFactory, Tracking
from eventsourcing.projection import ProjectionRunner
from eventsourcing.utils import Environment

from crm_core import CRM
from projections import pipeline, projection
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import Ours, Stock
from tests.benchmarks.deals import mixed
from tests.benchmarks.harness import Arm, Case, Round, Timed, Work
from tests.benchmarks.places import Site
from tests.benchmarks.stock import Sales
from tests.benchmarks.stock_view import Pipeline, PipelineView, PostgresPipeline, SqlitePipeline

ORDER = 4
TITLE = "Catch-up"
PATIENCE_S = 600
_PAGE = 500


def cases(bench: Bench) -> Iterator[Case]:
    """The pipeline view over deals whose events lie between each other's; every event is one it follows."""
    sizes, script = bench.sizes, list(mixed(9))
    each = len(script) + 1
    for place in [*bench.places, *bench.slow]:
        with ExitStack() as stack:
            site = stack.enter_context(place.site())
            with Ours(site) as ours, Stock(site) as theirs:
                ours.fill(max(sizes.followed // each, 1), script)
                theirs.fill(max(sizes.tracked // each, 1), script)
            site.filled()
            runner = (
                _runner(site) if site.database == "postgres" else _loop(site, stack.enter_context(Sales(site.stock)))
            )
            name = (
                "ProjectionRunner" if site.database == "postgres" else "stock's parts, a loop (it has no runner here)"
            )
            reach = "≥ 100× ProjectionRunner" if place.slow else "≥ 40,000/s"
            what = f"{sizes.followed:,} events into the pipeline view"
            yield Case(TITLE, what, place.name, [Arm("crm-core", _ours(site)), Arm(name, runner)], reach=reach)


def _ours(site: Site) -> Round:
    """Each round folds a view that nobody has folded yet; making its table counts."""

    @contextmanager
    def one(number: int) -> Iterator[Work]:
        view = projection(f"pipeline_{number}", key=lambda event: event.deal_id)(pipeline.function)
        with CRM.open(site.url, follow=[view]) as crm:
            yield lambda: crm.settle(timeout=PATIENCE_S)

    return one


def _runner(site: Site) -> Round:
    """From the start of the runner until the last event's transaction is committed."""

    @contextmanager
    def one(_: int) -> Iterator[Work]:
        with Sales(site.stock) as app:
            last = app.recorder.max_notification_id() or 0
        with _factory(site) as factory:
            factory.tracking_recorder(PostgresPipeline).clear()
        PipelineView.await_(last)
        yield lambda: _run(site, last)

    return one


def _run(site: Site, last: int) -> Timed:
    start = time.perf_counter()
    with ProjectionRunner(
        application_class=Sales, projection_class=Pipeline, view_class=PostgresPipeline, env=site.stock
    ):
        if not PipelineView.reached.wait(PATIENCE_S):
            raise TimeoutError(Pipeline.name)
        return Timed(last, time.perf_counter() - start)


def _factory(site: Site) -> InfrastructureFactory[Any]:
    return InfrastructureFactory.construct(Environment(Pipeline.name, site.stock))


def _loop(site: Site, app: Sales) -> Round:
    """A page of notifications, each event in a transaction of its own: the library has no more on SQLite."""
    view = _factory(site).tracking_recorder(SqlitePipeline)

    @contextmanager
    def one(_: int) -> Iterator[Work]:
        yield _followed(app, Pipeline(view))
        view.clear()

    return one


def _followed(app: Sales, stock_projection: Pipeline) -> Callable[[], float]:
    def work() -> float:
        position = count = 0
        while found := app.recorder.select_notifications(
            position, _PAGE, topics=Pipeline.topics, inclusive_of_start=False
        ):
            for notification in found:
                event = app.mapper.to_domain_event(notification)
                stock_projection.process_event(event, Tracking(app.name, notification.id))
            position, count = found[-1].id, count + len(found)
        return count

    return work
