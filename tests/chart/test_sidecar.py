"""What is made of something else is made of it as it is now: sidecar.yaml, the chart's table of parameters, and the part of its schema that is Hopguard's."""

import json
import shutil

import pytest
import yaml

from harness.charts import objects
from harness.samples import VALUES, combine
from harness.tools import CHARTS, ROOT

K8S = ROOT / "deploy/k8s"


def generated(tools, what, tool):
    return tools.run("python3", "-B", K8S / "generate.py", what, tool).stdout


def test_the_file_is_what_the_chart_renders(tools):
    assert (K8S / "sidecar.yaml").read_text() == generated(tools, "sidecar", tools.helm), "make it anew: deploy/k8s/generate.sh"


def test_the_binary_prints_the_file(tools):
    assert tools.run(tools.hopguard, "config", "--sidecar").stdout == (K8S / "sidecar.yaml").read_text(), "build it anew"


def test_the_schema_of_the_configuration_is_the_binarys(tools):
    assert (CHARTS / "hopguard/values.schema.json").read_text() == generated(tools, "schema", tools.hopguard), "make it anew: deploy/k8s/generate.sh"


def test_the_table_of_parameters_is_that_of_the_values(tools, tmp_path):
    readme = tmp_path / "README.md"
    shutil.copy(CHARTS / "hopguard/README.md", readme)
    # A parameter without a comment, or a comment without a parameter, is an error of its own.
    tools.run(tools.node_modules / ".bin/readme-generator", "--values", CHARTS / "hopguard/values.yaml", "--readme", readme)
    assert readme.read_text() == (CHARTS / "hopguard/README.md").read_text(), "make it anew: deploy/k8s/generate.sh"


@pytest.fixture(scope="module")
def documents():
    return list(yaml.safe_load_all((K8S / "sidecar.yaml").read_text()))


def test_what_is_pasted_makes_a_valid_and_restricted_pod(documents, validate, pod_security):
    *maps, patch = documents
    validate(maps)
    template = patch["spec"]["template"]
    (envoy,) = template["spec"].pop("containers")
    restricted = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    template["spec"]["containers"] = [
        {"name": "application", "image": "ledger", "securityContext": restricted},
        {**envoy, "image": "envoy", "securityContext": {**restricted, "runAsUser": 101}},
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ledger", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    validate([pod])
    pod_security(pod)
    names = {volume["name"] for volume in pod["spec"]["volumes"]}
    mounted = {mount["name"] for mount in pod["spec"]["initContainers"][0]["volumeMounts"]}
    assert names == mounted and {mount["name"] for mount in envoy["volumeMounts"]} == {"hopguard-socket"}
    assert {volume["configMap"]["name"] for volume in pod["spec"]["volumes"] if "configMap" in volume} == {held["metadata"]["name"] for held in maps}


def test_every_way_into_a_pod_carries_the_same_container(render):
    """The policy's literal, Istio's template, the patch and the test pod: one container, apart from what the mesh says."""
    mesh = {"mesh": "istio", "trust": {"source": "istioRoot"}}
    by = {mode: render(combine(VALUES, mesh, {"injection": {"mode": mode}})) for mode in ("admissionPolicy", "istioTemplate", "manual")}
    held = lambda mode, ending: next(resource["data"] for resource in by[mode] if resource["metadata"]["name"].endswith(ending))
    test = next(resource for resource in by["manual"] if resource["kind"] == "Pod")["spec"]
    patch = yaml.safe_load(held("manual", "-sidecar")["patch.yaml"])["spec"]["template"]["spec"]
    template = yaml.safe_load(held("istioTemplate", "-istio-template")["values.yaml"])["sidecarInjectorWebhook"]["templates"]["hopguard"]
    template = yaml.safe_load(template)["spec"]
    policy = next(resource for resource in by["admissionPolicy"] if resource["kind"] == "MutatingAdmissionPolicy")
    literals = {variable["name"]: literal(variable["expression"]) for variable in policy["spec"]["variables"] if variable["name"] in ("sidecar", "volumes")}
    for pod in (test, patch, template):
        assert pod["initContainers"] == [literals["sidecar"]]
        assert pod["volumes"] == literals["volumes"]


def literal(expression):
    """A CEL literal of the policy, which is JSON once `dyn(...)` is taken away outside of its strings."""
    plain, depth, text = [], [], False
    position = 0
    while position < len(expression):
        if not text and expression.startswith("dyn(", position):
            depth.append("dyn")
            position += 4
            continue
        letter = expression[position]
        if letter == '"' and (not text or expression[position - 1] != "\\"):
            text = not text
        if not text and letter == ")":
            depth.pop()
        else:
            plain.append(letter)
        position += 1
    assert not depth and not text
    return json.loads("".join(plain))


def test_rules_and_dashboard_are_data_that_helm_does_not_evaluate(charts, tools, tmp_path):
    """A copy of the chart with rules of the test's own: what Prometheus is to put into an annotation arrives as it was written."""
    copy = tmp_path / "hopguard"
    shutil.copytree(CHARTS / "hopguard", copy)
    for folder in ("alerts", "dashboards"):
        shutil.rmtree(copy / folder, ignore_errors=True)
        (copy / folder).mkdir()
    summary = "{{ $labels.pod }} denies {{ printf \"%.0f\" $value }}"
    (copy / "alerts/hopguard.rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "hopguard", "rules": [
        {"alert": "Denies", "expr": "up == 0", "annotations": {"summary": summary, "runbook_url": "docs/runbooks.md#denies"}},
        {"record": "a:b", "expr": "vector(1)"},
    ]}]}))
    (copy / "dashboards/hopguard.json").write_text('{"title": "{{pod}} {{ .Values.trustDomain }}"}')
    values = combine(VALUES, {"metrics": {"prometheusRule": {"enabled": True, "runbookBaseUrl": "https://git.acme.com/blob/main/"}, "dashboard": {"enabled": True}}})
    command = ["template", "hopguard", copy, "--kube-version", "1.36.0", *charts.values(values)]
    resources = objects(charts.helm(*command))
    (rule, record) = next(resource for resource in resources if resource["kind"] == "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert rule["annotations"] == {"summary": summary, "runbook_url": "https://git.acme.com/blob/main/docs/runbooks.md#denies"}
    assert record == {"record": "a:b", "expr": "vector(1)"}
    board = next(resource for resource in resources if resource["metadata"]["name"] == "hopguard-dashboard")
    assert board["data"]["hopguard.json"] == '{"title": "{{pod}} {{ .Values.trustDomain }}"}'
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
