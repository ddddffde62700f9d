"""A side that leaves out work is not measured."""

from pathlib import Path

from bench.ground import new_key
from bench.proof import lacking
from bench.signed import write_signed


def sample(
    folder: Path, reverse_path: str, *, signatures: int, head: str = ""
) -> tuple[dict[str, object], dict[str, str]]:
    """A forwarded message with as many signatures, and the records that they need."""
    key = new_key("src.test")
    raw = write_signed(folder / "m.eml", key, 1000).read_text().replace("\n", "\r\n")
    signature, _, rest = raw.partition("Received:")
    content = head + signature * signatures + "Received:" + rest
    return {"envelope": [f"MAIL FROM:<{reverse_path}>"], "content": content}, {key.record_name: key.record}


def test_a_reverse_path_that_was_kept_is_seen(tmp_path: Path) -> None:
    message, records = sample(tmp_path, "sender@src.test", signatures=2)
    assert "reverse-path" in lacking(message, records, verdicts=False)


def test_a_message_nobody_signed_again_is_seen(tmp_path: Path) -> None:
    message, records = sample(tmp_path, "SRS0=x@fwd.test", signatures=1)
    assert "neither signed nor sealed" in lacking(message, records, verdicts=False)


def test_a_signature_that_does_not_verify_is_seen(tmp_path: Path) -> None:
    message, _ = sample(tmp_path, "SRS0=x@fwd.test", signatures=2)
    other = new_key("src.test")
    assert "does not verify" in lacking(message, {other.record_name: other.record}, verdicts=False)


def test_verdicts_that_are_wanted_and_not_there_are_seen(tmp_path: Path) -> None:
    message, records = sample(tmp_path, "SRS0=x@fwd.test", signatures=2)
    assert lacking(message, records, verdicts=False) == ""
    assert "verdicts" in lacking(message, records, verdicts=True)


def test_all_verdicts_satisfy(tmp_path: Path) -> None:
    results = "Authentication-Results: mx.fwd.test; dkim=pass; spf=pass;\r\n dmarc=pass\r\n"
    message, records = sample(tmp_path, "SRS0=x@fwd.test", signatures=2, head=results)
    assert lacking(message, records, verdicts=True) == ""
