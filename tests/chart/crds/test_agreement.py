"""Whatever becomes of a document, directory and API server agree on it, but for what the page lists."""

import random

import pytest
from conftest import GONE, edited

from harness.cluster import Refused

# What may stand where something else did.
OTHERS = (
    GONE, True, -1, 1, 70_000, 1.5, "", "x", "X y", " x", "x" * 300, "/a/**", "/a//b", "spiffe://prod.example/a", "spiffe://prod.example/a/",
    "2026-11-20T09:00:00Z", "2026-11-20T09:30:00Z", "2027-06-01T09:00:00Z", "90", "90s", "30d", "GET", "é", "bob@example.com", "jit", "eligible",
    "break_glass", [], ["x"], ["spiffe://prod.example/a"], {}, {"x": "y"}, {"role": "x"},
)
# How many of the some 9,000 documents that come of it; the same ones each time.
SAMPLE = 1500


def paths(value, path=""):
    """Everything below a value, itself included."""
    found = [path] if path else []
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        found += paths(inner, f"{path}/{key}" if path else str(key))
    return found


@pytest.fixture(scope="module")
def mutants(documents):
    """Documents in which one thing is something else, is gone, or is there besides."""
    found = []
    for document in documents.values():
        for path in paths(document["spec"], "spec"):
            found += [edited(document, {path: other}) for other in OTHERS]
        found += [edited(document, {f"spec/{name}": other}) for name in FURTHER if name not in document["spec"] for other in OTHERS[1:]]
    return random.Random(7).sample(found, SAMPLE)


FURTHER = ("audience", "until", "ticket", "prefix", "reviewBy", "reviewedAt", "relays", "signatures", "subject", "labels")


def is_listed(document, said):
    """Whether the page says that only the directory sees it."""
    late = document["kind"] == "Activation" and any("is too late: an activation ends 1h" in message for message in said)
    long = any("is not one line of at most 256 bytes" in message for message in said)
    return late or long


def test_they_agree_on_each(installed, page, mutants, directory):
    verdicts = directory(mutants)
    disagreements, refusals = [], 0
    for number, document in enumerate(mutants):
        said = verdicts.get(number)
        placed = edited(document, {"metadata/namespace": page, "metadata/name": "one"})
        try:
            installed.create(placed, dry_run=True)
            refused = None
        except Refused as error:
            refused = str(error)
            refusals += 1
        if (said is None) != (refused is None) and not (said and is_listed(document, said)):
            disagreements.append((document["kind"], document["metadata"]["name"], document["spec"], refused, said))
    assert disagreements == []
    # Both answers are among them.
    assert SAMPLE // 10 < refusals < SAMPLE
