"""The chart of the definitions: what it renders, what it refuses, and that its life on a real API server ends as its values say."""

import pathlib

import pytest
from conftest import CHART, PLURALS

from harness.charts import HelmError, objects
from harness.processes import until


def kinds(resources, kind):
    return [resource for resource in resources if resource["kind"] == kind]


def test_the_definitions_are_those_that_hopguard_prints(charts, tools):
    """Nothing of a pattern or a rule is lost on the way through Helm."""
    printed = objects(tools.run(tools.hopguard, "config", "--schema", "crds").stdout)
    rendered = kinds(charts.render(chart="hopguard-crds"), "CustomResourceDefinition")
    assert {crd["metadata"]["name"]: crd["spec"] for crd in rendered} == {crd["metadata"]["name"]: crd["spec"] for crd in printed}
    for crd in rendered:
        assert crd["metadata"]["labels"]["app.kubernetes.io/part-of"] == "hopguard"
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_labels_and_annotations_are_added_and_none_is_replaced(charts):
    values = {"labels": {"team": "platform", "app.kubernetes.io/part-of": "other"}, "annotations": {"note": "yes"}}
    for crd in kinds(charts.render(values, chart="hopguard-crds"), "CustomResourceDefinition"):
        assert crd["metadata"]["labels"].items() >= {"team": "platform", "app.kubernetes.io/part-of": "hopguard"}.items()
        assert crd["metadata"]["annotations"]["note"] == "yes"


def test_policy_and_roles_can_be_left_out(charts):
    resources = charts.render({"safeUpgrade": {"enabled": False}, "rbac": {"create": False}}, chart="hopguard-crds")
    assert {resource["kind"] for resource in resources} == {"CustomResourceDefinition"}


@pytest.mark.parametrize("values, said", [
    ({"kep": False}, "'kep' not allowed"),
    ({"keep": "no"}, "got string, want boolean"),
    ({"safeUpgrade": {"enable": True}}, "'enable' not allowed"),
    ({"annotations": {"hopguard.dev/crds-version": "9"}}, "propertyName 'hopguard.dev/crds-version'"),
])
def test_values_that_mean_nothing_are_refused(charts, values, said):
    with pytest.raises(HelmError, match=said):
        charts.render(values, chart="hopguard-crds")


def test_the_page_of_the_chart_names_every_value():
    page = (pathlib.Path(CHART) / "README.md").read_text()
    for value in ("keep", "safeUpgrade.enabled", "rbac.create", "labels", "annotations"):
        assert f"| `{value}` |" in page
    assert [f"`{plural}`" in page for plural in PLURALS] == [True] * len(PLURALS)


def test_only_reading_is_part_of_the_roles_that_kubernetes_has(charts):
    view, admin = kinds(charts.render(chart="hopguard-crds"), "ClusterRole")
    aggregated = {name for role in (view, admin) for name in role["metadata"]["labels"] if "aggregate" in name}
    assert aggregated == {"rbac.authorization.k8s.io/aggregate-to-view"}
    assert view["rules"] == [{"apiGroups": ["hopguard.dev"], "resources": list(PLURALS), "verbs": ["get", "list", "watch"]}]
    assert admin["metadata"]["name"] == "hopguard-grant-admin" and admin["rules"][0]["resources"] == list(PLURALS)


def allowed(cluster, namespace, user, verb):
    asked = cluster.create({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {"name": ""},
        "spec": {"user": user, "resourceAttributes": {
            "namespace": namespace, "verb": verb, "group": "hopguard.dev", "resource": "grants"}},
    })
    return asked["status"]["allowed"]


def test_who_may_change_workloads_may_not_thereby_grant(installed, namespace):
    """Nobody aggregates roles here, as no controller runs: the roles that are bound are what there is to be aggregated."""
    for user, role in (("editor", "edit"), ("approver", "hopguard-grant-admin"), ("reader", "hopguard-view")):
        installed.create({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": user, "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        })
    until(lambda: allowed(installed, namespace, "approver", "create"), "the roles are in force")
    assert not allowed(installed, namespace, "editor", "create")
    assert allowed(installed, namespace, "reader", "get") and not allowed(installed, namespace, "reader", "create")
