"""The lanes' benchmark: what its figures mean, its picture, and its own sender and inboxes."""

import asyncio
from math import inf
from xml.etree import ElementTree

import pytest

from bench.lanes_inboxes import Manner, listen
from bench.lanes_letters import addresses, body, letter
from bench.lanes_plot import plot
from bench.lanes_prober import Probe
from bench.lanes_results import Phase, by_phase, figures, percentile, promises
from bench.lanes_sender import Dialogue, Letter, Sent, connect
from clearpost.ports import free_port


def probe(kind: str = "premium", knocked: float = 0.5, dot: float = 0.6, arrived: float = 0.7) -> Probe:
    return Probe(0, kind, knocked, dot, answered=dot, arrived=arrived)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([], 0.5) == inf


def test_a_probe_that_never_arrived_counts_as_one_that_takes_for_ever() -> None:
    found = figures([*(probe() for _ in range(9)), probe(arrived=0.0)])
    assert found.lost == 1
    assert found.p50 == pytest.approx(0.1)
    assert found.p95 == inf


def test_a_probe_belongs_to_the_phase_in_which_it_first_knocked() -> None:
    found = by_phase([probe(knocked=0.9), probe(knocked=1.0)], [Phase("idle", 0, 1), Phase("flood", 1, 2)])
    assert [found[phase]["premium"].probes for phase in ("idle", "flood")] == [1, 1]


def test_promises_compare_the_flood_with_the_same_lane_at_rest() -> None:
    calm, late = probe(), probe(arrived=0.85)
    kinds = ("premium", "quiet", "shared")
    found = {
        phase: {kind: figures([late if (phase, kind) == ("flood", "premium") else calm]) for kind in kinds}
        for phase in ("idle", "even", "flood")
    }
    rows = promises(found)
    assert rows[0].measured == pytest.approx(2.5)
    assert [row.holds for row in rows] == [False, *[True] * (len(rows) - 1)]


def test_the_picture_is_well_formed_and_shows_what_was_lost_on_its_upper_edge() -> None:
    picture = plot([probe(), probe(arrived=0.0)], [Phase("idle", 0.0, 1.0)])
    ElementTree.fromstring(picture)
    assert "M504.0 48.0h2" in picture


def test_all_tenants_of_a_kind_get_the_same_share() -> None:
    to = addresses("flood", tenants=2, aliases=2)
    assert [next(to) for _ in range(5)] == [
        "a0@flood0.test", "a0@flood1.test", "a1@flood0.test", "a1@flood1.test", "a0@flood0.test",
    ]  # fmt: skip


async def _sent(manner: Manner, *letters: Letter) -> tuple[list[Sent], list[int]]:
    arrived: list[int] = []
    told: list[Sent] = []
    waiting = list(letters)
    port = free_port()
    server = await listen("127.0.0.1", port, manner, lambda number, _: arrived.append(number))
    async with server:
        dialogue = Dialogue(lambda: waiting.pop(0) if waiting else None, told.append)
        await connect("127.0.0.1", port, dialogue)
        async with asyncio.timeout(10):
            await dialogue.ended
    return told, arrived


async def test_letters_follow_each_other_on_one_connection_and_arrive_under_their_numbers() -> None:
    letters = [letter(number, ["a@b.test"], body(size)) for number, size in ((7, 100), (8, 200_000))]
    told, arrived = await _sent(Manner(), *letters)
    assert arrived == [7, 8]
    assert all(sent.is_taken and sent.knocked < sent.dot <= sent.answered for sent in told)


async def test_a_destination_that_drops_its_mail_takes_none() -> None:
    told, arrived = await _sent(Manner(drops=True), letter(7, ["a@b.test"], body(100)))
    assert (arrived, [sent.is_taken for sent in told]) == ([], [False])


async def test_a_tarpit_takes_its_time_for_each_reply() -> None:
    told, _ = await _sent(Manner(banner=0.2, reply=0.02, dot=0.1), letter(7, ["a@b.test"], body(100)))
    (sent,) = told
    assert sent.dot - sent.knocked >= 0.2 + 4 * 0.02
    assert sent.answered - sent.dot >= 0.1
