"""The harness itself: what must be refused is."""

import pytest

from harness.charts import objects
from harness.validate import VERSIONS, Invalid

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "one"},
    "spec": {"containers": [{"name": "one", "image": "registry.test/one"}]},
}


def ingress_rule(**spec):
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "one", "labels": {"any": "thing"}},
        "spec": {"action": "CUSTOM", "provider": {"name": "hopguard"}, "rules": [{}], **spec},
    }


def admission_policy(version):
    return {
        "apiVersion": f"admissionregistration.k8s.io/{version}",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "one"},
        "spec": {"reinvocationPolicy": "IfNeeded", "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}]},
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_a_version_does_not_know_is_refused(validate, version):
    validate([POD], version)
    with pytest.raises(Invalid, match="restartPolice"):
        validate([{**POD, "spec": {**POD["spec"], "restartPolice": "Always"}}], version)


def test_a_kind_is_refused_where_its_version_does_not_have_it(validate):
    validate([admission_policy("v1")], "1.36")
    with pytest.raises(Invalid, match="Kubernetes 1.33 does not know it"):
        validate([admission_policy("v1")], "1.33")


def test_a_version_that_no_schema_is_there_for_is_refused(validate):
    with pytest.raises(ValueError, match="1.99"):
        validate([POD], "1.99")


def test_a_custom_resource_is_held_against_its_schema(validate_crs):
    validate_crs([ingress_rule()])
    with pytest.raises(Invalid, match="action must be equal to one of the allowed values"):
        validate_crs([ingress_rule(action="CUSTM")])


def test_a_misspelt_field_of_a_custom_resource_is_refused(validate_crs):
    with pytest.raises(Invalid, match="AuthorizationPolicy has no field .spec.selectr"):
        validate_crs([ingress_rule(selectr={})])


def test_a_kind_that_nobody_knows_is_refused(validate, validate_crs):
    stranger = {"apiVersion": "stranger.example/v1", "kind": "Stranger", "metadata": {"name": "one"}}
    with pytest.raises(Invalid, match="does not know it"):
        validate([stranger])
    with pytest.raises(Invalid, match="not of a custom resource's group"):
        validate_crs([stranger])
    validate([stranger], unchecked=["stranger.example"])


def test_a_key_that_is_there_twice_is_refused():
    with pytest.raises(Exception, match="twice"):
        objects("kind: One\nkind: Two\n")


def test_no_cluster_of_the_callers_is_in_reach(tools, tmp_path, monkeypatch):
    mine = tmp_path / "config"
    mine.write_text("{apiVersion: v1, kind: Config, clusters: [{name: production, cluster: {server: 'https://production.test'}}]}")
    monkeypatch.setenv("KUBECONFIG", str(mine))
    seen = tools.run(tools.kubectl, "config", "view")
    assert "production" not in seen.stdout
