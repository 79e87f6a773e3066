"""Contract 6.8: puts that are still open when an order is placed: each object is in exactly one order."""

import psycopg
from holding import FIRST, SECOND, THIRD, Catalogue, taken
from standing import House


def put_at_once(catalogue: Catalogue) -> None:
    with catalogue.putting("quick", "2026-02-20T00:00"):
        pass


def test_a_put_that_stays_open_while_an_order_is_placed_is_in_the_next_one_once(
    standing: House, catalogue: Catalogue
) -> None:
    with catalogue.putting("slow", "2026-02-20T00:00"):
        put_at_once(catalogue)
        standing.ticks(FIRST)
    catalogue.settles()
    standing.ticks(SECOND, THIRD)
    # What was put and committed while it was open has waited for it.
    assert taken(standing) == [["old"], ["quick", "slow"]]


def test_a_put_that_stays_open_over_two_windows_and_is_taken_back_leaves_nothing(
    standing: House, catalogue: Catalogue
) -> None:
    with psycopg.connect(standing.stage.database_url) as connection:
        connection.execute(
            "insert into data_object select channel, 'never', provider_id, datasets, attributes, files,"
            " files_count, files_size, quota, west, south, east, north, created_at, terms, put_era,"
            " pg_current_xact_id()::text::bigint from data_object where id = 'old'"
        )
        standing.ticks(FIRST, SECOND)
        connection.rollback()
    catalogue.settles()
    standing.ticks(THIRD)
    assert taken(standing) == [["old"]]


def test_whatever_is_open_anywhere_holds_back_what_counts_as_new_and_loses_nothing(
    standing: House, catalogue: Catalogue
) -> None:
    with psycopg.connect(standing.stage.servers.database_url) as elsewhere:  # another database of the cluster
        elsewhere.execute("select pg_current_xact_id()")
        put_at_once(catalogue)
        standing.ticks(FIRST)
        elsewhere.rollback()
    catalogue.settles()
    standing.ticks(SECOND)
    assert taken(standing) == [["old"], ["quick"]]
