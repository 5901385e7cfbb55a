"""What an installation says: three commands that follow, and a warning for each choice that promises less than one may think."""

import re

import pytest

from harness.samples import VALUES, combine
from harness.tools import CHARTS

ASKERS = ["spiffe://prod.acme.com/ns/edge/sa/gateway", "spiffe://prod.acme.com/ns/partners/sa/gateway"]
DEPLOYMENT = {"injection": {"mode": "manual"}, "deployment": {"enabled": True, "askers": ASKERS}}
BUNDLE = {"documents": {"source": "bundle", "bundle": {"url": "https://bundles.acme.com/d.tar.gz", "longPoll": "30s", "keys": [
    {"id": "release", "algorithm": "ES256", "publicKey": "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"}]}}}
LATE = "Documents come from a ConfigMap, which takes 60 to 90 s to reach a pod"

WARNINGS = [
    ({"strictMode": False, "mode": {"policy": "observe"}}, "mode.policy is observe: what it would refuse happens"),
    ({"strictMode": False}, "strictMode is off"),
    ({}, "There are no documents yet (documents.configMap.inline): every hop is refused with grant_missing"),
    ({"documents": {"configMap": {"inline": {"grants.yaml": "---\n# None yet.\n"}}}}, "There are no documents yet"),
    ({}, LATE),
    ({"strictMode": False, "documents": {"configMap": {"inline": {"r.yaml": "kind: Revocation"}}}}, "has a Revocation (r.yaml): it acts 60 to 90 s late"),
    (combine(BUNDLE, {"documents": {"bundle": {"longPoll": ""}}}), "documents.bundle.longPoll is not set: a revocation may take 60s to arrive"),
    ({"mesh": "istio"}, "forwardedClientCert: SANITIZE_SET"),
    ({"mesh": "istio"}, "Istio's default is 600 s"),
    ({"mesh": "ambient"}, "The caller is asserted, not verified"),
    ({"mesh": "istio", "trust": {"source": "istioRoot"}}, "Every workload that Istio's CA certifies"),
    ({"trustDomain": "cluster.local"}, "cluster.local is the trust domain of every Istio"),
    ({"injection": {"require": False}}, "injection.require is off"),
    ({"injection": {"protectConfigMaps": False}}, "injection.protectConfigMaps is off"),
    (combine(DEPLOYMENT, {"deployment": {"replicas": 3}, "config": {"tokens": {"jwt_svid": {"one_time": True}}}}), "behind 3 replicas a token can be spent 3 times"),
    (DEPLOYMENT, "The Deployment has one audience, its own SPIFFE ID"),
    (DEPLOYMENT, "The Deployment has one replica"),
    (DEPLOYMENT, "networkPolicy.askers is empty: no pod reaches the Deployment"),
    (combine(DEPLOYMENT, {"networkPolicy": {"enabled": False}}), "networkPolicy is off"),
]


@pytest.fixture
def notes(charts):
    def notes(*values):
        command = ["install", "hopguard", CHARTS / "hopguard", "--namespace", "hopguard", "--dry-run=client"]
        said = charts.helm(*command, *charts.values(*values))
        return re.sub(r"\s+", " ", said.split("NOTES:", 1)[1])
    return notes


@pytest.mark.parametrize("values, warning", WARNINGS)
def test_a_choice_that_promises_less_is_named(notes, values, warning):
    assert warning in notes(combine(VALUES, values))


@pytest.mark.parametrize("values", [{}, {"mesh": "istio", "injection": {"mode": "istioTemplate"}}, {"injection": {"mode": "manual"}}])
def test_three_commands_follow(notes, values):
    said = notes(combine(VALUES, values, {"namespaces": ["ledger"]}))
    assert [number for number in ("1.", "2.", "3.") if f" {number} " in said] == ["1.", "2.", "3."]
    assert "kubectl label namespace ledger hopguard.dev/injection=enabled" in said and "helm test hopguard -n hopguard" in said


def test_the_commands_leave_no_namespace_out(notes):
    said = notes(combine(VALUES, {"namespaces": ["ledger", "billing"]}))
    assert "kubectl label namespace ledger billing hopguard.dev/injection=enabled" in said
    assert "kubectl -n ledger rollout restart deployment # and in billing" in said


def test_a_proof_that_only_observes_lets_strangers_in_and_is_not_tested_for_that(notes, render):
    values = combine(VALUES, {"strictMode": False, "mode": {"proof": "observe", "ceiling": "observe"}})
    assert "helm test" not in notes(values)
    assert not any(resource["kind"] == "Pod" for resource in render(values))


def test_who_chose_well_is_warned_of_nothing(notes):
    assert "Mind:" not in notes(combine(VALUES, BUNDLE))


def test_the_namespace_of_the_deployment_is_never_injected(render):
    for resource in render(combine(VALUES, {"deployment": DEPLOYMENT["deployment"]})):
        if resource["metadata"]["name"] in ("hopguard-inject", "hopguard-guard") and "Binding" not in resource["kind"]:
            never = resource["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][1]
            assert never["operator"] == "NotIn" and {"kube-system", "hopguard"} <= set(never["values"])
            assert resource["spec"]["failurePolicy"] == "Fail"


def test_nobody_reaches_the_deployment_unless_somebody_is_named(render):
    policy = lambda **values: next(resource["spec"] for resource in render(combine(VALUES, DEPLOYMENT, {"networkPolicy": values})) if resource["kind"] == "NetworkPolicy")
    closed = policy()
    assert closed["ingress"] == [] and closed["egress"] == [] and closed["policyTypes"] == ["Ingress", "Egress"]
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}}
    opened = policy(askers=[peer], egress=[{"cidr": "192.0.2.10/32", "port": 443}])
    assert opened["ingress"] == [{"from": [peer], "ports": [{"port": "hopguard-grpc", "protocol": "TCP"}]}]
    assert [rule["ports"][0]["port"] for rule in opened["egress"]] == [53, 443]


def test_replicas_are_spread_and_some_stay(render):
    resources = render(combine(VALUES, DEPLOYMENT), files=[CHARTS / "hopguard/values-ha.yaml"])
    deployment = next(resource["spec"] for resource in resources if resource["kind"] == "Deployment")
    budget = next(resource["spec"] for resource in resources if resource["kind"] == "PodDisruptionBudget")
    pod = deployment["template"]["spec"]
    assert deployment["replicas"] == 3 and budget["maxUnavailable"] == 1
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
    assert pod["automountServiceAccountToken"] is False and pod["terminationGracePeriodSeconds"] > 15
    assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
