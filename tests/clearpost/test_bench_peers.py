"""The bench's own source and sink, one against the other: messages are numbered, timed, counted once."""

import pytest

from clearpost.bench import peers
from clearpost.bench.figures import median, milliseconds, percentile
from clearpost.bench.messages import alias_of, message, number_in, parse_size
from clearpost.bench.peers import Load, Sent


def sent_to(sink: peers.Sink, load: Load) -> Sent:
    return peers.read_source(peers.start_source(f"127.0.0.1:{sink.port}", load))


@pytest.mark.parametrize("keep", [False, True])
def test_each_message_arrives_once_and_after_it_was_sent(keep: bool) -> None:
    with peers.sink() as sink:
        sent = sent_to(sink, Load(40, size=2000, sessions=4, keep=keep))
        arrived = sink.take()["arrived"]
    assert sent.errors == []
    assert sorted(number for number, _ in arrived) == list(range(40))
    assert len(sent.answered) == 40
    assert all(latency > 0 for latency in peers.latencies(sent, arrived))


def test_an_open_loop_keeps_its_rate() -> None:
    with peers.sink() as sink:
        sent = sent_to(sink, Load(30, rate=100))
        assert sink.wait_for(30, patience=5) == 30
    assert 0.1 < sent.ended - sent.began < 3


def test_a_large_message_is_found_by_its_number_and_kept_whole() -> None:
    with peers.sink(keep=1) as sink:
        sent = sent_to(sink, Load(1, size=1_000_000))
        taken = sink.take()
    (sample,) = taken["samples"]
    assert taken["arrived"][0][0] == 0
    assert len(sample["content"]) > 950_000
    assert sample["content"].endswith("\r\n")
    assert sample["envelope"] == ["MAIL FROM:<sender@src.test>", f"RCPT TO:<{alias_of(0, 10_000)}>"]
    assert sent.errors == []


def test_a_slow_sink_answers_late_and_holds_up_no_other() -> None:
    with peers.sink(delay=0.2) as sink:
        sent = sent_to(sink, Load(10, sessions=10))
    assert all(took >= 0.2 for took in sent.answered.values())
    assert sent.ended - sent.began < 1.5


def test_what_cannot_be_sent_is_told() -> None:
    with peers.sink() as sink:
        port = sink.port
    sent = peers.read_source(peers.start_source(f"127.0.0.1:{port}", Load(2, sessions=1)))
    assert len(sent.errors) == 2


def test_only_latencies_of_messages_sent_in_time_count() -> None:
    sent = Sent(0, 10, at={0: 1.0, 1: 5.0})
    assert peers.latencies(sent, [(0, 1.5), (1, 6.0), (0, 9.0)], until=2.0) == [0.5]


def test_numbers_and_sizes() -> None:
    assert number_in(message(42, "a@b.test", b"")) == 42
    assert number_in(b"Subject: other\r\n") == -1
    assert parse_size("4k") == 4096
    assert parse_size("5M") == 5 * 1024 * 1024
    assert parse_size("77") == 77


def test_percentiles() -> None:
    assert percentile(range(100), 0.99) == 99
    assert median([3, 1, 2]) == 2
    assert milliseconds([0.001, 0.003])["p99"] == 3
    assert milliseconds([])["p50"] != milliseconds([])["p50"]  # NaN: of nothing there is no figure
