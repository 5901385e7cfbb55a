"""The API server of these tests is a real one: what a cluster refuses, it refuses."""

import json

import pytest

from harness.cluster import Refused
from harness.processes import until
from harness.validate import VERSIONS

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(security=RESTRICTED, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {"containers": [{"name": "one", "image": "registry.test/one", "securityContext": security}], **spec},
    }


def test_it_is_the_version_that_is_named(cluster):
    assert cluster.kubectl("version", "--output=json").stdout.count("v1.36.3") == 1


@pytest.mark.parametrize("version", ("latest", *VERSIONS[:3]))
def test_the_restricted_standard_is_enforced(pod_security, version):
    pod_security(pod(), version)
    with pytest.raises(Refused, match="violates PodSecurity .*allowPrivilegeEscalation"):
        pod_security(pod({**RESTRICTED, "allowPrivilegeEscalation": True}), version)
    with pytest.raises(Refused, match="hostPath"):
        pod_security(pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]), version)


def test_a_container_gets_the_account_s_token_unless_it_has_a_mount_there(pod_security):
    taken = pod(volumes=[{"name": "none", "emptyDir": {}}])
    mine = {"name": "none", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    taken["spec"]["containers"].append({**taken["spec"]["containers"][0], "name": "two", "volumeMounts": [mine]})
    one, two = pod_security(taken)["spec"]["containers"]
    assert [mount["name"].startswith("kube-api-access-") for mount in one["volumeMounts"]] == [True]
    assert two["volumeMounts"] == [mine]


def test_a_field_that_is_not_there_is_refused(cluster, namespace):
    misspelt = pod()
    misspelt["metadata"]["namespace"] = namespace
    misspelt["spec"]["restartPolice"] = "Never"
    with pytest.raises(Refused, match='unknown field "spec.restartPolice"'):
        cluster.create(misspelt, dry_run=True)


def test_mutating_and_validating_policies_of_its_own_are_in_force(cluster):
    """Without a controller or a webhook: the API server runs both by itself."""
    name = cluster.namespace(labels={"policies.hopguard.test": "on"})
    matched = {
        "namespaceSelector": {"matchLabels": {"policies.hopguard.test": "on"}},
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
    }
    group = "admissionregistration.k8s.io/v1"
    label = 'JSONPatch{op: "add", path: "/metadata/labels", value: {"touched": "yes"}}'
    policies = [
        {
            "apiVersion": group, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "touch.hopguard.test"},
            "spec": {
                "matchConstraints": matched, "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{label}]"}}],
            },
        },
        {
            "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "touch.hopguard.test"},
            "spec": {
                "matchConstraints": matched, "failurePolicy": "Fail",
                "validations": [{"expression": 'object.spec.containers[0].name != "bad"', "message": "a bad one"}],
            },
        },
        *(
            {
                "apiVersion": group, "kind": f"{kind}AdmissionPolicyBinding", "metadata": {"name": "touch.hopguard.test"},
                "spec": {"policyName": "touch.hopguard.test", **more},
            }
            for kind, more in (("Mutating", {}), ("Validating", {"validationActions": ["Deny"]}))
        ),
    ]
    for policy in policies:
        cluster.create(policy)
    good, bad = pod(), pod()
    good["metadata"]["namespace"] = bad["metadata"]["namespace"] = name
    bad["spec"]["containers"][0]["name"] = "bad"
    until(lambda: cluster.create(good, dry_run=True)["metadata"].get("labels") == {"touched": "yes"}, "pods are mutated")

    def refused():
        try:
            return not cluster.create(bad, dry_run=True)
        except Refused as refusal:
            return "a bad one" in str(refusal)

    until(refused, "a bad pod is refused")
    for policy in policies:
        cluster.delete(group, policy["kind"], policy["metadata"]["name"])


def test_helm_and_kubectl_reach_it(cluster, namespace):
    listed = json.loads(cluster.kubectl("get", "serviceaccounts", "--namespace", namespace, "--output=json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["default"]
    assert cluster.helm("list", "--namespace", namespace, "--output=json").strip() == "[]"
