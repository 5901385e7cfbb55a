"""What the chart's policies make of pods and refuse of them, told by the real API server in a namespace that takes restricted pods only."""

import json
import re

import pytest

from harness import sidecars
from harness.processes import until
from harness.release import SOCKET, clean, mounts, one, released
from harness.samples import DIGEST, IMAGE, MESHES, combine, container, in_namespace

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture(scope="module", params=MESHES)
def installed(request, cluster, charts):
    """Beside each mesh in turn."""
    with released(cluster, charts, request.param) as release:
        yield release


def tampered(chart, **changes):
    """An injected pod whose Hopguard is not as the chart has it."""
    return changed(chart, lambda spec: spec["initContainers"][0].update(changes))


@pytest.mark.parametrize("native", (False, True), ids=("envoy", "native-envoy"))
@pytest.mark.parametrize("init", (0, 1, 3))
def test_hopguard_comes_before_everything_else_of_a_pod(installed, init, native):
    sent = installed.mesh.pod(init=init, native=native)
    pod = installed.admit(sent)
    names = [each["name"] for each in pod["spec"]["initContainers"]]
    assert names == ["hopguard", *(each["name"] for each in sent["spec"].get("initContainers", []))]
    assert [each["name"] for each in pod["spec"]["containers"]] == [each["name"] for each in sent["spec"]["containers"]]
    hopguard = pod["spec"]["initContainers"][0]
    assert hopguard["restartPolicy"] == "Always"
    assert hopguard["image"] == f"{IMAGE}@{DIGEST}"
    assert hopguard["args"][:3] == ["serve", "--config", "/etc/hopguard/hopguard.yaml"]
    assert hopguard["securityContext"]["runAsUser"] == 65531
    assert hopguard["securityContext"]["runAsGroup"] == installed.mesh.uid
    assert pod["metadata"]["labels"]["hopguard.dev/injected"] == "true"
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in hopguard["volumeMounts"]} <= volumes


@pytest.mark.parametrize("native", (False, True), ids=("envoy", "native-envoy"))
def test_envoy_alone_sees_the_socket(installed, native):
    pod = installed.admit(installed.mesh.pod(init=1, native=native))
    everyone = pod["spec"]["initContainers"] + pod["spec"]["containers"]
    assert mounts(one(everyone, installed.mesh.container)) == [SOCKET]
    for each in everyone:
        if each["name"] not in ("hopguard", installed.mesh.container):
            assert mounts(each) == []


def test_an_envoy_that_has_mounts_of_its_own_keeps_them(installed):
    sent = installed.mesh.pod()
    own = {"name": "certificates", "mountPath": "/etc/certificates"}
    sent["spec"]["volumes"] = [{"name": "certificates", "emptyDir": {}}]
    one(sent["spec"]["containers"], installed.mesh.container)["volumeMounts"] = [own]
    pod = installed.admit(sent)
    kept = one(pod["spec"]["containers"], installed.mesh.container)["volumeMounts"]
    assert [mount for mount in kept if not mount["name"].startswith("kube-api-access-")] == [own, SOCKET]
    assert "certificates" in [volume["name"] for volume in pod["spec"]["volumes"]]


def test_hopguard_has_no_token_in_a_pod_that_has_one(installed):
    pod = installed.admit(installed.mesh.pod())
    seen = lambda found: [mount["name"] for mount in found["volumeMounts"] if mount["mountPath"] == TOKEN]
    assert seen(one(pod["spec"]["containers"], "application"))[0].startswith("kube-api-access-")
    hidden = seen(pod["spec"]["initContainers"][0])
    assert len(hidden) == 1
    assert one(pod["spec"]["volumes"], hidden[0]).keys() == {"name", "emptyDir"}


def test_sending_the_result_again_changes_nothing(installed):
    first = clean(installed.admit(installed.mesh.pod(init=2)))
    assert clean(installed.admit(first))["spec"] == first["spec"]


def test_a_pod_that_is_there_can_be_labelled_and_stays_as_it_is(installed, cluster):
    created = cluster.create(in_namespace(installed.mesh.pod(init=1), installed.guarded))
    created["metadata"].setdefault("labels", {})["team"] = "ledger"
    updated = cluster.replace(created)
    assert updated["spec"] == created["spec"]
    assert updated["metadata"]["labels"]["team"] == "ledger"
    cluster.delete("v1", "Pod", created["metadata"]["name"], installed.guarded)


def test_a_large_pod_is_within_what_the_policies_may_cost(installed):
    sent = installed.mesh.pod(init=20)
    volumes = [{"name": f"volume-{number}", "emptyDir": {}} for number in range(40)]
    seen = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    sent["spec"]["volumes"] = volumes
    sent["spec"]["containers"] += [container(f"other-{number}") for number in range(20)]
    for each in sent["spec"]["containers"] + sent["spec"]["initContainers"]:
        each["volumeMounts"] = list(seen)
        each["env"] = [{"name": f"VARIABLE_{number}", "value": "x" * 100} for number in range(40)]
    assert len(sidecars.hopguards(installed.admit(sent))) == 1


def test_a_pod_that_opts_out_is_left_alone(installed):
    sent = combine(installed.mesh.pod(init=1), {"metadata": {"labels": {"hopguard.dev/inject": "false"}}})
    pod = installed.admit(sent)
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["init-0"]
    assert "hopguard.dev/injected" not in pod["metadata"]["labels"]


def test_other_namespaces_are_left_alone(installed):
    pod = installed.admit(installed.mesh.pod(), installed.other)
    assert sidecars.hopguards(pod) == []


@pytest.mark.parametrize("name", ("kube-system", "kube-public"))
def test_the_system_is_left_alone_even_if_somebody_labels_it(installed, cluster, name):
    until(lambda: cluster.kubectl("get", "namespace", name, check=False).returncode == 0, f"{name} is there")
    cluster.kubectl("label", "--overwrite", "namespace", name, "hopguard.dev/injection=enabled")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
    cluster.kubectl("apply", "--filename=-", input=json.dumps(account))
    assert sidecars.hopguards(installed.admit(installed.mesh.pod(), name)) == []


TRICKS = {
    "another image": (lambda chart: tampered(chart, image="registry.acme.com/yes-man:1"), "must run registry.acme.com/hopguard@sha256:"),
    "a command": (lambda chart: tampered(chart, command=["/bin/sh"]), "must be started as the chart does it"),
    "another configuration": (lambda chart: tampered(chart, args=["serve", "--config", "/tmp/mine.yaml"]), "must be started as the chart"),
    "a variable": (
        lambda chart: tampered(chart, env=[{"name": "SSL_CERT_FILE", "value": "/tmp/mine.pem"}]), "must be started as the chart does it"),
    "variables from elsewhere": (
        lambda chart: tampered(chart, envFrom=[{"configMapRef": {"name": "mine"}}]), "must be started as the chart does it"),
    "a hook": (
        lambda chart: tampered(chart, lifecycle={"postStart": {"exec": {"command": ["sh"]}}}), "must be started as the chart does it"),
    "no native sidecar": (lambda chart: tampered(chart, restartPolicy=None, startupProbe=None, readinessProbe=None, livenessProbe=None),
                          "is a native sidecar|started as the chart does it"),
    "another user for Hopguard": (
        lambda chart: changed(chart, lambda spec: spec["initContainers"][0]["securityContext"].update(runAsUser=1000)), "must run as user 65531"),
    "fewer mounts": (
        lambda chart: changed(chart, lambda spec: spec["initContainers"][0]["volumeMounts"].pop(0)), "must have the mounts that the chart"),
    "a mount more": (
        lambda chart: changed(chart, lambda spec: (
            spec["volumes"].append({"name": "mine", "emptyDir": {}}),
            spec["initContainers"][0]["volumeMounts"].append({"name": "mine", "mountPath": "/etc/hopguard/extra"}),
        )), "must have the mounts that the chart"),
    "a configuration of its own": (
        lambda chart: changed(chart, lambda spec: one(spec["volumes"], "hopguard-config").update(configMap={"name": "mine"})),
        "the volume hopguard-config must be the one that the chart gives the pod"),
    "a part of the documents": (
        lambda chart: changed(chart, lambda spec: one(spec["volumes"], "hopguard-documents")["configMap"].update(
            items=[{"key": "grants.yaml", "path": "grants.yaml"}])),
        "the volume hopguard-documents must be the one that the chart gives the pod"),
    "documents that may be missing": (
        lambda chart: changed(chart, lambda spec: one(spec["volumes"], "hopguard-documents")["configMap"].update(optional=True)),
        "the volume hopguard-documents must be the one that the chart gives the pod"),
    "a directory of its own in the documents' place": (
        lambda chart: changed(chart, lambda spec: one(spec["initContainers"][0]["volumeMounts"], "hopguard-documents").update(
            subPathExpr="none")),
        "must have the mounts that the chart"),
    "a last message over a document": (
        lambda chart: tampered(chart, terminationMessagePath="/etc/hopguard/documents/revocations.yaml"), "must be started as the chart"),
    "a probe that runs something": (
        lambda chart: tampered(chart, livenessProbe={"exec": {"command": ["/hopguard", "config"]}}), "must be started as the chart"),
    "a socket directory that is no memory": (
        lambda chart: changed(chart, lambda spec: one(spec["volumes"], "hopguard-socket").update(emptyDir={})),
        "the volume hopguard-socket must be the one that the chart gives the pod"),
    "a container of that name": (
        lambda chart: changed(chart, lambda spec: spec.update(
            containers=[*spec["containers"], {**container("x"), "name": "hopguard"}], initContainers=spec["initContainers"][1:] or None)),
        "a container named hopguard is Hopguard|the pod has no Hopguard|Duplicate value"),
    "the socket in the application": (lambda chart: seeing(chart, "hopguard-socket"), "no container but Hopguard's and Envoy's may mount"),
    "the state in the application": (lambda chart: seeing(chart, "hopguard-state"), "no container but Hopguard's and Envoy's may mount"),
    "the Workload API of Hopguard in the application": (
        lambda chart: seeing(chart, "hopguard-spiffe"), "no container but Hopguard's and Envoy's may mount"),
    "the state in Envoy": (
        lambda chart: seeing(chart, "hopguard-state", chart.mesh.container), "Envoy mounts hopguard-socket and no other volume"),
    "the application as Envoy's user": (lambda chart: running_as(chart, chart.mesh.uid), "no other container may run as Envoy's user"),
    "the application as Hopguard's user": (lambda chart: running_as(chart, 65531), "no other container may run as Envoy's user"),
    "Envoy's user for the whole pod": (
        lambda chart: changed(chart, lambda spec: spec.setdefault("securityContext", {}).update(runAsUser=chart.mesh.uid)),
        "no other container may run as Envoy's user"),
    "one process namespace": (
        lambda chart: changed(chart, lambda spec: spec.update(shareProcessNamespace=True)), "shares no process namespace"),
    "no Envoy": (
        lambda chart: combine(chart.mesh.pod(envoy=False), {"metadata": {"labels": {**chart.mesh.labels}}}), "the pod has no container .* that mounts"),
    "an Envoy that never asks": (
        lambda chart: changed(chart, lambda spec: one(spec["containers"], chart.mesh.container).update(volumeMounts=[
            {**SOCKET, "mountPath": "/run/elsewhere"}])), "the pod has no container .* that mounts"),
}


def changed(chart, change):
    """An injected pod after a change of its spec."""
    pod = clean(chart.admit(chart.mesh.pod()))
    change(pod["spec"])
    return pod


def seeing(chart, volume, name="application"):
    """An injected pod in which a container mounts what is Hopguard's."""
    mount = {"name": volume, "mountPath": "/mine"}
    return changed(chart, lambda spec: one(spec["containers"], name).setdefault("volumeMounts", []).append(mount))


def running_as(chart, uid):
    """A pod whose application runs as that user."""
    pod = chart.mesh.pod()
    one(pod["spec"]["containers"], "application")["securityContext"]["runAsUser"] = uid
    return pod


@pytest.mark.parametrize("trick", TRICKS)
def test_nobody_speaks_for_hopguard_or_gets_around_it(installed, trick):
    pod, said = TRICKS[trick]
    assert re.search(said, installed.refuses(pod(installed)))
