"""Ours and the Postfix stack measured against each other: `make bench`, `make bench-full`. In no wheel.

    __main__.py     python -m bench quick | full | report | document
    debian.py       the Debian packages that it needs, by name
    ground.py       what both sides stand on: one PostgreSQL, one resolver, one folder on one disk
    stack.py        the stack that a user would build instead; its files lie in stack/
    sides.py        what is measured, by name: ours and the stack in their variants
    proof.py        that each side really does the work it is measured at
    backlog.py      mail that waits, because nobody takes it
    slow_disk.py    a disk whose syncs take longer, for whatever runs on it
    load.py         Postfix's own smtp-source and smtp-sink around whoever is measured
    signed.py       a message that its sender has signed
    measure.py      one run: throughput, latency, latency under load, memory
    rows.py         every row of the table: what is sent to whom, and which target it has
    results.py      the results file: a line for each finished run, so that none is run twice
    runs.py         runs what is not done yet, both sides in turn
    background.py   the long one: lock, log, progress
    summary.py      medians, ratios of pairs, whether a target is held
    report.py       tables for a terminal, and two results side by side
    document.py     docs/performance.md out of a results file
    machine.py      what it was measured on

`make bench-lanes` (python -m bench.lanes): what one lane does to the other; lanes_*.py are its parts.

What needs nothing but us lies in `clearpost.bench`.
"""
