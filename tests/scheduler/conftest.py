"""Ticks at given instants on a database for each module; and one live house for what goes over the wire."""

from collections.abc import Iterator

import pytest
from holding import DAILY_NEW, DS1, DS2, OLD, Catalogue, select
from outside.listener import Listener
from outside.processes import scheduling, working
from outside.scraping import Pages
from outside.shop import BENQ, open_shop
from outside.stage import Stage, fresh
from outside.upstream import Upstream, connections, lent
from outside.wire import unique
from standing import House, furnished

from worker.local import ports
from worker.local.servers import Servers


@pytest.fixture(scope="module")
def dwelling(stage: Stage) -> Iterator[House]:
    with furnished(stage) as house:
        yield house


@pytest.fixture
def house(dwelling: House) -> House:
    dwelling.clear()
    return dwelling


@pytest.fixture
def catalogue(house: House) -> Catalogue:
    """Two datasets with one old object each."""
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.dataset(DS2, "Clouds")
    catalogue.put("old", OLD)
    catalogue.put("other", OLD, datasets=[DS2])
    return catalogue


@pytest.fixture
def standing(house: House, catalogue: Catalogue) -> House:
    """A basket of the first dataset that is ordered every day, with what is new."""
    house.basket("b", {})
    select(house, datasetUrn=DS1)
    house.recurs(**DAILY_NEW)
    return house


@pytest.fixture(scope="session")
def pages() -> Pages:
    """Reach the pages of the scheduler."""
    return Pages(port=ports.choose())


@pytest.fixture(scope="session")
def live(servers: Servers, pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Have one worker and one scheduler at work for all tests that speak over the wire."""
    folder = tmp_path_factory.mktemp("live")
    with (
        fresh(servers) as stage,
        scheduling(stage, "scheduler", folder, BASKETRY_OPS_LISTEN=pages.listen),
        working(stage, "worker", folder),
    ):
        with Upstream(stage.broker_url) as upstream:
            open_shop(upstream, recurringOrdersEnabled=True)
        yield stage


@pytest.fixture(scope="session")
def idle_upstreams(live: Stage) -> Iterator[list[Upstream]]:
    with connections() as idle:
        yield idle


@pytest.fixture
def buyer(live: Stage, idle_upstreams: list[Upstream]) -> Iterator[Upstream]:
    with lent(idle_upstreams, live.broker_url) as upstream:
        yield upstream


@pytest.fixture
def heard(live: Stage) -> Iterator[Listener]:
    with Listener(live.broker_url) as events:
        yield events


@pytest.fixture
def basket(buyer: Upstream) -> str:
    """A basket of patricia's with a mouse in it."""
    key = unique("basket")
    elements = [{"sku": BENQ, "quantity": {"value": 1}}]
    assert [
        buyer.ask("basket.create", key).status,
        buyer.ask("basket.item.add", key, {"elements": elements}).status,
    ] == [201, 201]
    return key
