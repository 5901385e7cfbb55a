"""Every way of injection, beside every mesh, for every Kubernetes version, alone and highly available: valid and restricted, or refused readably."""

import itertools

import pytest

from harness import sidecars
from harness.charts import HelmError
from harness.pods import containers_of, pod_of
from harness.samples import DIGEST, IMAGE, MESHES, MODES, VALUES, combine
from harness.tools import CHARTS
from harness.validate import FOREIGN, VERSIONS

WATCHED = {
    "metrics": {part: {"enabled": True} for part in ("podMonitor", "prometheusRule", "dashboard")},
    "networkPolicy": {"enabled": True},
}
AVAILABLE = {
    "deployment": {"enabled": True, "askers": ["spiffe://prod.acme.com/ns/edge/sa/gateway"]},
    "metrics": {"serviceMonitor": {"enabled": True}},
}
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
# The newest API server that there is to ask is 1.36: what is held to 1.37 is its schemas.
STANDARDS = {version: version for version in VERSIONS} | {"1.37": "latest"}


def refusal(mode, mesh, version):
    """What is said of a combination that cannot be, `None` where it can."""
    if mode == "admissionPolicy" and version in ("1.33", "1.35"):
        return rf"injection\.mode: admissionPolicy needs Kubernetes 1\.36, and this is v{version}\.0: choose istioTemplate or manual"
    if mode == "istioTemplate" and mesh != "istio":
        return f"injection.mode: istioTemplate is for mesh: istio, and mesh is {mesh}: choose admissionPolicy or manual"
    return None


MATRIX = list(itertools.product(MODES, MESHES, VERSIONS, ("alone", "available")))
POSSIBLE = [row for row in MATRIX if refusal(*row[:3]) is None]
IMPOSSIBLE = [row for row in MATRIX if refusal(*row[:3]) is not None]


def options(mode, mesh, version, availability):
    available = availability == "available"
    values = combine(VALUES, WATCHED, AVAILABLE if available else {}, {"mesh": mesh, "injection": {"mode": mode}})
    return {"values": values, "files": [CHARTS / "hopguard/values-ha.yaml"] if available else [], "kube_version": version}


def pods(mode, mesh, resources):
    """Every pod that the resources make; with the sidecar in a pod of the mesh, where it can be had without an API server."""
    made = [pod for resource in resources if (pod := pod_of(resource))]
    if mode == "manual":
        made.append(sidecars.pasted(resources, MESHES[mesh].pod()))
    if mode == "istioTemplate":
        made.append(sidecars.templated(resources, MESHES[mesh].pod(envoy=False), MESHES[mesh].envoy()))
    return made


def is_hook(resource):
    """Whether Helm creates it in passing, when what it needs is there."""
    return "helm.sh/hook" in resource["metadata"].get("annotations", {})


def own(pod):
    """The containers that are Hopguard's image."""
    return [container for container in containers_of(pod) if container["image"].startswith(IMAGE)]


@pytest.mark.parametrize("mode, mesh, version, availability", POSSIBLE)
def test_what_is_rendered_is_valid_and_restricted(render, validate, pod_security, mode, mesh, version, availability):
    resources = render(**options(mode, mesh, version, availability))
    validate(resources, version)
    made = pods(mode, mesh, resources)
    validate([pod for pod in made], version)
    for pod in made:
        pod_security(pod, STANDARDS[version])
    kinds = {resource["kind"] for resource in resources}
    assert {"ConfigMap", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "PodMonitor", "PrometheusRule"} <= kinds
    assert ("MutatingAdmissionPolicy" in kinds) == (mode == "admissionPolicy")
    assert ({"Deployment", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "Service"} <= kinds) == (availability == "available")


@pytest.mark.parametrize("mode, mesh, version, availability", [row for row in POSSIBLE if row[2] == "1.36"])
def test_the_api_server_of_that_version_takes_it(render, cluster, namespace, mode, mesh, version, availability):
    asked = options(mode, mesh, version, availability)
    resources = render(**{**asked, "values": combine(asked["values"], {"namespaces": [namespace]})}, namespace=namespace)
    native = [resource for resource in resources if resource["apiVersion"].partition("/")[0] not in FOREIGN and not is_hook(resource)]
    for resource in native:
        cluster.create(resource, dry_run=True)


@pytest.mark.parametrize("mode, mesh, version, availability", POSSIBLE)
def test_every_container_is_bounded_probed_pinned_and_without_a_token(render, mode, mesh, version, availability):
    made = pods(mode, mesh, render(**options(mode, mesh, version, availability)))
    seen = [(pod, container) for pod in made for container in own(pod)]
    assert (mode == "admissionPolicy" and availability == "alone") or seen, "nothing of ours was rendered"
    for pod, container in seen:
        assert container["image"] == f"{IMAGE}@{DIGEST}"
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert set(container["resources"]["limits"]) == {"memory"}, "a CPU limit would throttle each request of the pod"
        if container["args"][0] == "serve":
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        hidden = [mount for mount in container.get("volumeMounts", []) if mount["mountPath"] == TOKEN]
        assert pod["spec"].get("automountServiceAccountToken") is False or [mount["readOnly"] for mount in hidden] == [True]


@pytest.mark.parametrize("mode, mesh, version, availability", IMPOSSIBLE)
def test_what_cannot_be_is_refused_in_words(render, mode, mesh, version, availability):
    with pytest.raises(HelmError, match=refusal(mode, mesh, version)):
        render(**options(mode, mesh, version, availability))


def test_istios_injector_is_told_an_order_in_which_its_proxy_gets_the_socket(charts):
    """Ours after `sidecar` would make a second proxy beside the native one."""
    text = charts.text(combine(VALUES, {"mesh": "istio", "injection": {"mode": "istioTemplate"}}))
    assert "inject.istio.io/templates: hopguard,sidecar" in text
    assert "sidecar,hopguard" not in text and "[sidecar, hopguard]" not in text


def test_a_version_that_has_no_native_sidecars_is_refused(render):
    with pytest.raises(HelmError, match="chart requires kubeVersion: >=1.33.0-0"):
        render(VALUES, kube_version="1.32")


def test_there_is_no_image_without_naming_one(render):
    with pytest.raises(HelmError, match="image.repository is empty: no image is published, so name the one that you built"):
        render({"trustDomain": "prod.acme.com"})


@pytest.mark.parametrize("mode, mesh, version, availability", [row for row in POSSIBLE if row[2] == "1.36"])
def test_rendering_is_the_same_each_time(charts, mode, mesh, version, availability):
    assert charts.text(**options(mode, mesh, version, availability)) == charts.text(**options(mode, mesh, version, availability))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_definitions_are_valid_in_every_version(render, validate, version):
    validate(render(chart="hopguard-crds", kube_version=version), version)


@pytest.mark.parametrize("chart, values", [("hopguard", VALUES), ("hopguard-crds", {})])
def test_helm_has_nothing_to_say_against_it(charts, chart, values):
    said = charts.helm("lint", "--strict", CHARTS / chart, *charts.values(values))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "[WARNING]" not in said and "[ERROR]" not in said


@pytest.mark.parametrize("chart, values", [("hopguard", combine(VALUES, WATCHED, AVAILABLE)), ("hopguard-crds", {})])
def test_a_packaged_chart_renders_what_the_directory_does(charts, tmp_path, chart, values):
    """What a package leaves out, by `.helmignore`, is nothing that its templates read."""
    charts.helm("package", CHARTS / chart, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    assert charts.text(values, chart=package) == charts.text(values, chart=chart)
