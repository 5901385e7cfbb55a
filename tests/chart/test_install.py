"""Helm installs, upgrades and takes out both charts on the real API server, and kubectl takes what Helm renders."""

import json

import pytest

from harness.charts import HelmError
from harness.cluster import Refused
from harness.processes import until
from harness.samples import INJECTED, VALUES, combine
from harness.tools import CHARTS

HOPGUARD = CHARTS / "hopguard"
CRDS = CHARTS / "hopguard-crds"
# What needs other people's definitions is left out: no operator is here.
ALL = {
    "deployment": {"enabled": True, "askers": ["spiffe://prod.acme.com/ns/edge/sa/gateway"]},
    "metrics": {"dashboard": {"enabled": True}},
    "networkPolicy": {"enabled": True},
}


@pytest.fixture
def home(cluster):
    return cluster.namespace()


def installed(cluster, kind, *, everywhere=False, namespace=None):
    """Names of what a release named `hopguard` has there."""
    where = ("--all-namespaces",) if everywhere else ("--namespace", namespace) if namespace else ()
    listed = cluster.kubectl("get", kind, *where, "--selector=app.kubernetes.io/instance=hopguard", "--output=json")
    return {item["metadata"]["name"] for item in json.loads(listed.stdout)["items"]}


def test_it_is_installed_upgraded_and_taken_out(cluster, charts, home):
    guarded = cluster.namespace(labels=INJECTED)
    values = combine(VALUES, ALL, {"namespaces": [guarded]})
    where = ("--namespace", home)
    cluster.helm("install", "hopguard", HOPGUARD, *where, *charts.values(values))
    assert installed(cluster, "mutatingadmissionpolicies") == {"hopguard-inject"}
    assert installed(cluster, "validatingadmissionpolicies") == {"hopguard-guard", "hopguard-exec", "hopguard-configuration"}
    assert installed(cluster, "configmaps", namespace=guarded)
    deployments = installed(cluster, "deployments", namespace=home)
    assert len(deployments) == 1

    upgraded = combine(values, {"deployment": {"replicas": 3}})
    cluster.helm("upgrade", "hopguard", HOPGUARD, *where, "--values", HOPGUARD / "values-ha.yaml", *charts.values(upgraded))
    assert cluster.read("apps/v1", "Deployment", deployments.pop(), home)["spec"]["replicas"] == 3
    assert installed(cluster, "poddisruptionbudgets", namespace=home)
    assert json.loads(cluster.helm("history", "hopguard", *where, "--output=json"))[-1]["status"] == "deployed"

    cluster.helm("uninstall", "hopguard", *where)
    for kind in ("mutatingadmissionpolicies", "validatingadmissionpolicies"):
        assert installed(cluster, kind) == set()
    for kind in ("configmaps", "deployments", "services", "serviceaccounts", "networkpolicies", "poddisruptionbudgets"):
        assert installed(cluster, kind, everywhere=True) == set(), f"{kind} are left"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": guarded}, "spec": {"containers": []}}
    with pytest.raises(Refused, match="spec.containers: Required value"):
        cluster.create(pod, dry_run=True)


def test_what_is_refused_installs_nothing(cluster, charts, home):
    with pytest.raises(HelmError, match="image.repository is empty"):
        cluster.helm("install", "hopguard", HOPGUARD, "--namespace", home, *charts.values({"trustDomain": "prod.acme.com"}))
    assert installed(cluster, "configmaps", namespace=home) == set()


def test_a_namespace_that_is_not_there_is_named_before_anything_is_installed(cluster, charts, home):
    values = combine(VALUES, {"namespaces": [cluster.namespace(), "not-there"]})
    with pytest.raises(HelmError, match=r"namespaces: not-there is not there: create it first \(kubectl create namespace not-there\)"):
        cluster.helm("install", "halves", HOPGUARD, "--namespace", home, *charts.values(values))
    assert json.loads(cluster.helm("list", "--namespace", home, "--output=json", "--filter=halves")) == []


def test_a_second_release_guards_other_namespaces_or_is_refused(cluster, charts, home):
    first, second = cluster.namespace(), cluster.namespace()
    values = combine(VALUES, {"namespaces": [home]})
    cluster.helm("install", "hopguard", HOPGUARD, "--namespace", first, *charts.values(values))
    try:
        with pytest.raises(HelmError, match="injection.label: hopguard-guard guards namespaces labelled hopguard.dev/injection=enabled already"):
            cluster.helm("install", "edge", HOPGUARD, "--namespace", second, *charts.values(values))
        said = cluster.helm("install", "edge", HOPGUARD, "--namespace", second, *charts.values(values, {"injection": {"label": "edge"}}))
        assert f"kubectl label namespace {home} hopguard.dev/injection=edge" in said
        for policy in ("edge-hopguard-guard", "edge-hopguard-configuration", "hopguard-guard"):
            constraints = cluster.read("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", policy)["spec"]["matchConstraints"]
            label = "edge" if policy.startswith("edge") else "enabled"
            assert {"key": "hopguard.dev/injection", "operator": "In", "values": [label]} in constraints["namespaceSelector"]["matchExpressions"]
        injection = cluster.read("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "edge-hopguard-inject")["spec"]["matchConstraints"]
        assert injection["namespaceSelector"]["matchExpressions"][0]["values"] == ["edge"]
        cluster.helm("uninstall", "edge", "--namespace", second)
    finally:
        cluster.helm("uninstall", "hopguard", "--namespace", first)


@pytest.mark.parametrize("mode, mesh", [("admissionPolicy", "envoy"), ("manual", "ambient"), ("istioTemplate", "istio")])
def test_kubectl_takes_what_helm_renders(cluster, charts, home, mode, mesh):
    text = charts.text(combine(VALUES, ALL, {"mesh": mesh, "injection": {"mode": mode}, "test": {"enabled": False}}), namespace=home)
    said = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "--namespace", home, "--filename=-", input=text)
    assert said.stderr == "", "the API server warns of what it takes"
    assert said.stdout.count("(server dry run)") >= 5


def test_the_definitions_stay_when_their_chart_goes_and_are_taken_over_by_the_next(fresh_cluster):
    cluster, home = fresh_cluster, fresh_cluster.namespace()
    cluster.helm("install", "hopguard-crds", CRDS, "--namespace", home)
    of_ours = definitions(cluster)
    assert len(of_ours) == 7
    until(lambda: "grants" in cluster.kubectl("api-resources", "--api-group=hopguard.dev", "--output=name").stdout, "they are served")
    cluster.helm("upgrade", "hopguard-crds", CRDS, "--namespace", home)
    cluster.helm("uninstall", "hopguard-crds", "--namespace", home)
    assert definitions(cluster) == of_ours
    cluster.helm("install", "other", CRDS, "--namespace", home, "--take-ownership")


def definitions(cluster):
    """The custom resources of our group that are defined."""
    listed = cluster.kubectl("get", "customresourcedefinitions", "--output=name").stdout.split()
    return {name for name in listed if name.endswith(".hopguard.dev")}
