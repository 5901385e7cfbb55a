"""The definitions on a real API server: they take what the directory takes, show it, keep what never changes, and are not taken back."""

import json
import re

import pytest
from conftest import CHART, CRD, GONE, blocks, edited, served

from harness.charts import HelmError
from harness.cluster import Refused
from harness.processes import until
from harness.tools import ROOT

GROUP = "hopguard.dev/v1alpha1"
VERSION = "hopguard.dev/crds-version"


def apply(cluster, namespace, text, check=True):
    return cluster.kubectl("apply", "--validate=strict", "--namespace", namespace, "-f", "-", input=text, check=check)


def spec(cluster, namespace, kind, name):
    return cluster.read(GROUP, kind, name, namespace)


def test_every_document_of_the_page_is_taken_as_it_is_written(documents, directory):
    assert len(documents) >= 18
    assert directory(blocks()) == {}


def test_every_document_of_the_fuzzer_is_taken(installed, namespace, directory):
    texts = [path.read_text() for path in sorted((ROOT / "tests/fuzz/corpus/documents").glob("*.yaml"))]
    assert len(texts) >= 8
    for text in texts:
        apply(installed, namespace, text)
    assert directory(texts) == {}


def test_what_was_taken_is_what_was_written(documents, directory):
    """The API server keeps each value as it is: what is read back from it loads, with the same meaning."""
    assert directory(list(documents.values())) == {}
    facts = {document["spec"]["key"]: document["spec"]["value"] for document in documents.values() if document["kind"] == "Fact"}
    assert facts == {"ci.run.8812": "running", "device.posture": {"patched": True, "score": 97}}
    grant = documents["agent-for-alice-8812"]["spec"]
    assert grant["while"] == [{"fact": "ci.run.8812", "equals": "running", "maxAge": "60s"}]
    assert grant["expiresAt"] == "2026-11-20T13:00:00Z"
    assert grant["audience"] == ["spiffe://prod.example/ns/ledger/sa/api", "spiffe://prod.example/ns/mail/sa/sender"]
    assert documents["readers-export-on-a-ticket"]["spec"]["audience"] == "spiffe://prod.example/ns/ledger/sa/api"


def test_null_and_great_numbers_are_read_otherwise(installed, documents, page, directory):
    """The two differences that nothing refuses: the page names them."""
    nothing = edited(documents["agent-for-alice-8812"], {"spec/justification": None})
    great = edited(documents["ci-run-8812"], {"spec/value": 2**64 - 1})
    placed = [edited(document, {"metadata/namespace": page, "metadata/name": "one"}) for document in (nothing, great)]
    assert "justification" not in installed.create(placed[0], dry_run=True)["spec"]
    assert float(installed.create(placed[1], dry_run=True)["spec"]["value"]) == 2.0**64
    [said] = directory([nothing, great]).values()
    assert "is empty: give it a value or leave it out" in said[0]


def test_an_unknown_field_is_refused_by_whoever_asks_strictly_and_lost_otherwise(installed, documents, namespace):
    document = edited(documents["readers-export-on-a-ticket"], {"spec/actions/0/host": ["ledger"]})
    refused = apply(installed, namespace, json.dumps(document), check=False)
    assert refused.returncode != 0 and 'unknown field "spec.actions[0].host"' in refused.stderr
    careless = installed.kubectl(
        "create", "--validate=ignore", "--namespace", namespace, "-f", "-", "--output=json", input=json.dumps(document))
    assert "host" not in json.loads(careless.stdout)["spec"]["actions"][0]


def test_what_get_shows_names_who_may_do_what_until_when(installed, page):
    def columns(kind, name, *arguments):
        shown = installed.kubectl("get", kind, name, "--namespace", page, *arguments).stdout.splitlines()
        return [re.split(r"\s{2,}", line.strip()) for line in shown]

    head, row = columns("hgrant", "readers-export-on-a-ticket")
    assert head == ["NAME", "SUBJECT", "AUDIENCE", "TYPE", "EXPIRES", "APPROVER", "AGE"]
    assert row[1:-1] == [
        "invoice-reader", "spiffe://prod.example/ns/ledger/sa/api", "eligible", "2027-05-19T09:00:00Z", "alice@example.com"]
    head, row = columns("hrevocation", "agent-8812-stopped")
    assert head == ["NAME", "TARGET", "REASON", "SINCE", "UNTIL", "AGE"]
    assert row[1:-1] == ["agent-for-alice-8812", "the task was given up", "2026-11-20T10:00:00Z", "2026-12-20T10:00:00Z"]
    assert columns("hfact", "agent-posture")[1][3] == '{"patched":true,"score":97}'
    assert columns("hactivation", "export-8813")[1][1:4] == ["readers-export-on-a-ticket", "bob@example.com", "2026-11-20T09:15:00Z"]
    assert columns("hworkload", "renderer", "-o", "wide")[1][-2] == '["invoice-reader"]'
    assert columns("hpurpose", "billing-invoice")[1][1:3] == ["billing.invoice", "team-billing"]
    assert columns("hresource", "ledger-read")[1][3] == "high"


@pytest.mark.parametrize("kind, selector, names", [
    ("grants", "spec.type=jit", ["agent-for-alice-8812"]),
    ("grants", "spec.subject.spiffeId=spiffe://prod.example/ns/ops/sa/console", ["ledger-emergency"]),
    ("grants", "spec.owner=team-ledger", ["ledger-emergency"]),
    ("workloads", "spec.state=suspended", ["partner-jobs"]),
    ("revocations", "spec.target.grant=agent-for-alice-8812", ["agent-8812-stopped"]),
    ("facts", "spec.key=ci.run.8812,spec.subject=", ["ci-run-8812"]),
])
def test_a_field_selects(installed, page, kind, selector, names):
    found = installed.kubectl("get", kind, "--namespace", page, "--field-selector", selector, "--output=name").stdout
    assert [line.split("/")[1] for line in found.split()] == names


def changed(cluster, namespace, kind, name, edits):
    """Puts an edited document in the place of the one that is there."""
    return cluster.replace(edited(spec(cluster, namespace, kind, name), edits))


def test_a_grant_for_one_task_never_changes(installed, page):
    for edits in (
        {"spec/expiresAt": "2026-11-20T13:00:01Z"},
        {"spec/audience": "spiffe://prod.example/ns/ledger/sa/api"},
        {"spec/subject": {"role": "invoice-reader"}},
        {"spec/signatures": [{"by": "alice@example.com", "signature": "x"}]},
        {"spec/while": GONE},
    ):
        with pytest.raises(Refused, match="a grant of type `jit` never changes, as it was approved for one task: request another one"):
            changed(installed, page, "Grant", "agent-for-alice-8812", edits)
    changed(installed, page, "Grant", "agent-for-alice-8812", {"metadata/labels": {"team": "billing"}})


def test_no_grant_becomes_one_of_another_type(installed, page):
    longer = {"spec/type": "standing", "spec/activators": GONE}
    with pytest.raises(Refused, match="spec.type: .*never changes: request another grant"):
        changed(installed, page, "Grant", "readers-export-on-a-ticket", longer)
    changed(installed, page, "Grant", "readers-export-on-a-ticket", {"spec/reviewBy": "2027-03-20T09:00:00Z"})


def test_nobody_writes_a_status(installed, page):
    done = installed.kubectl(
        "patch", "hgrant", "renderer-reads-ledgers", "--namespace", page, "--subresource=status", "--type=merge",
        "--patch", '{"status": {"state": "active"}}', check=False)
    assert done.returncode != 0 and "NotFound" in done.stderr


def definition(cluster, name="grants"):
    return cluster.read(CRD, "CustomResourceDefinition", f"{name}.hopguard.dev")


def refused_to(cluster, annotations):
    """Whether the definition of grants is kept from having these annotations."""
    later = definition(cluster)
    later["metadata"]["annotations"] = {**later["metadata"]["annotations"], **annotations}
    with pytest.raises(Refused, match="is older than version 1, which is there: upgrade the chart hopguard-crds instead"):
        cluster.replace(later, dry_run=True)
    return True


def test_an_older_definition_takes_the_place_of_no_newer_one(installed):
    until(lambda: refused_to(installed, {VERSION: "0"}), "the policy is in force")
    for odd in ("", "newest", "-1", "1.9", "00000000001"):
        refused_to(installed, {VERSION: odd})
    newer = definition(installed)
    newer["metadata"]["annotations"][VERSION] = "2"
    installed.replace(newer)
    with pytest.raises(HelmError, match="version 1 of this definition is older than version 2, which is there"):
        installed.helm("upgrade", "crds", CHART, "--namespace", "kube-system", "--force-conflicts")
    assert definition(installed)["metadata"]["annotations"][VERSION] == "2"


def test_no_definition_is_deleted_unless_it_says_that_it_may_be(installed, page):
    def kept():
        with pytest.raises(Refused, match="every document of this kind would be deleted with its definition"):
            installed.delete(CRD, "CustomResourceDefinition", "grants.hopguard.dev")
        return True

    until(kept, "the policy is in force")
    many = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?labelSelector=app.kubernetes.io/part-of%3Dhopguard"
    at_once = installed.kubectl("delete", "--raw", many, check=False)
    assert at_once.returncode != 0 and "would be deleted with its definition" in at_once.stderr
    assert served(installed)
    assert spec(installed, page, "Grant", "renderer-reads-ledgers")["spec"]["type"] == "standing"
