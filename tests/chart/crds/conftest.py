"""Fixtures of the tests of the definitions: the chart on the real API server, the documents of the page on it, and the directory's verdict."""

import contextlib
import json
import pathlib
import tempfile

import pytest

from harness.charts import HelmError
from harness.cluster import Refused
from harness.processes import until
from harness.tools import CHARTS, ROOT

CRD = "apiextensions.k8s.io/v1"
PLURALS = ("activations", "facts", "grants", "purposes", "resources", "revocations", "workloads")
CHART = CHARTS / "hopguard-crds"


@pytest.fixture(scope="module")
def installed(cluster):
    """The chart as `helm install` leaves it, once the API server serves the kinds; afterwards nothing of it is left."""
    # What other tests have kept belongs to a release of theirs.
    clear(cluster)
    cluster.helm("install", "crds", CHART, "--namespace", "kube-system")
    until(lambda: served(cluster), "every kind is served")
    yield cluster
    with contextlib.suppress(HelmError):
        cluster.helm("uninstall", "crds", "--namespace", "kube-system")
    clear(cluster)


def clear(cluster):
    """Waits until no definition is left, and deletes them."""
    for plural in PLURALS:
        until(lambda name=plural: gone(cluster, f"{name}.hopguard.dev"), f"{plural} are gone")


def served(cluster):
    """Whether every kind can be listed and found by its name."""
    listed = [cluster.kubectl("get", "--raw", f"/apis/hopguard.dev/v1alpha1/{plural}", check=False) for plural in PLURALS]
    named = cluster.kubectl("api-resources", "--api-group=hopguard.dev", "--no-headers", check=False).stdout.splitlines()
    return all(answer.returncode == 0 for answer in listed) and len(named) == len(PLURALS)


def gone(cluster, name):
    """Deletes a definition, as often as it takes."""
    try:
        cluster.delete(CRD, "CustomResourceDefinition", name)
    except Refused as refused:
        return refused.status == 404
    return False


def blocks():
    """The documents of `docs/documents.md`, block by block, as they are written there."""
    page = (ROOT / "docs/documents.md").read_text()
    return [rest.split("```")[0] for rest in page.split("```yaml\n")[1:]]


@pytest.fixture(scope="module")
def page(installed):
    """The namespace with every document of the page, each applied as it is written there."""
    namespace = installed.namespace()
    for block in blocks():
        installed.kubectl("apply", "--validate=strict", "--namespace", namespace, "-f", "-", input=block)
    return namespace


@pytest.fixture(scope="module")
def documents(installed, page):
    """Every document of the page by its name, as the API server has it: only the frame and the spec."""
    listed = installed.kubectl("get", "hopguard", "--namespace", page, "--output=json").stdout
    return {
        item["metadata"]["name"]: {
            "apiVersion": item["apiVersion"], "kind": item["kind"],
            "metadata": {"name": item["metadata"]["name"]}, "spec": item["spec"],
        }
        for item in json.loads(listed)["items"]
    }


@pytest.fixture(scope="module")
def directory(tools):
    """`directory(documents)`: what `hopguard check` says of each, read by itself from a file of its own; nothing where it loads."""

    def check(documents):
        said = {}
        for start in range(0, len(documents), AT_ONCE):
            said.update(checked(tools, dict(enumerate(documents[start:start + AT_ONCE], start))))
        return said

    return check


def checked(tools, documents):
    """One call: the messages about each document, by its number, that keep it from being read."""
    with tempfile.TemporaryDirectory(prefix="hopguard-") as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "documents").mkdir()
        (scratch / "hopguard.yaml").write_text(CONFIG.format(scratch=scratch))
        for number, document in documents.items():
            text = document if isinstance(document, str) else json.dumps(document)
            (scratch / f"documents/{number}.yaml").write_text(text)
        answer = tools.run(
            tools.hopguard, "check", "--config", scratch / "hopguard.yaml", "--output=json", check=False).stdout
        said = {}
        for problem in json.loads(answer)["problems"]:
            number = pathlib.Path(problem["file"]).stem
            said.setdefault(int(number), []).append(f"{problem['field']}: {problem['message']}".removeprefix(": "))
        # Of the others it is said that they refer to nothing, or share a name: nothing that a document can be told by itself.
        return {number: messages for number, messages in said.items() if UNREAD in messages}


UNREAD = "does not load, so its documents do not count"
# As many as a call says everything of.
AT_ONCE = 150
CONFIG = """
self: spiffe://prod.example/ns/ledger/sa/api
mode: {{proof: skip, ceiling: observe, policy: skip}}
store: {{directory: documents}}
listen: [{{address: "unix:{scratch}/check.sock"}}]
"""


def edited(document, edits):
    """A copy with other values at some paths (`spec/actions/0/hosts`); `GONE` takes what is there away."""
    copy = json.loads(json.dumps(document))
    for path, value in edits.items():
        *above, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        place = copy
        for part in above:
            place = place[part]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return copy


GONE = object()
