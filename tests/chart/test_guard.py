"""The guard alone: where nothing is injected by the API server, pods come with Hopguard or not at all, and later changes are held to the same."""

import pytest

from harness import sidecars
from harness.cluster import Refused
from harness.release import one, released
from harness.samples import MESHES, combine, container, in_namespace

WAYS = [
    ("manual", mesh, trust) for mesh in MESHES for trust in ("workloadApi", "pem")
] + [("istioTemplate", "istio", "workloadApi"), ("istioTemplate", "istio", "istioRoot")]


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def guarded(request, cluster, charts):
    mode, mesh, source = request.param
    trust = {"source": source, **({"pem": {"configMap": "roots"}} if source == "pem" else {})}
    with released(cluster, charts, mesh, mode, trust=trust) as release:
        yield release


def altered(chart, change):
    pod = chart.pod(init=1)
    change(pod["spec"], one(pod["spec"]["initContainers"], "hopguard"))
    return pod


def test_a_pod_with_hopguard_as_it_is_handed_out_is_taken(guarded):
    admitted = guarded.admit(guarded.pod(init=1))
    assert len(sidecars.hopguards(admitted)) == 1


def test_a_pod_without_hopguard_is_refused_unless_it_opts_out(guarded):
    said = guarded.refuses(guarded.mesh.pod())
    assert "label the pod hopguard.dev/inject=false" in said
    guarded.admit(combine(guarded.mesh.pod(), {"metadata": {"labels": {"hopguard.dev/inject": "false"}}}))


def test_an_application_that_only_calls_itself_hopguard_is_refused(guarded):
    pod = guarded.mesh.pod()
    pod["spec"]["containers"].append({**container("application"), "name": "hopguard"})
    assert "a container named hopguard is Hopguard" in guarded.refuses(pod) or "the pod has no Hopguard" in guarded.refuses(pod)


def test_one_that_is_an_ordinary_init_container_is_refused(guarded):
    probes = ("restartPolicy", "startupProbe", "readinessProbe", "livenessProbe")
    pod = altered(guarded, lambda spec, hopguard: [hopguard.pop(key) for key in probes])
    assert "must be started as the chart does it" in guarded.refuses(pod)


def test_nobody_chooses_the_identity_that_hopguard_speaks_for(guarded):
    mine = {"fieldRef": {"fieldPath": "metadata.annotations['mine']"}}

    def change(spec, hopguard):
        variables = hopguard.setdefault("env", [])
        named = [variable["name"] for variable in variables] or ["POD_NAMESPACE", "POD_SERVICE_ACCOUNT"]
        variables[:] = [{"name": name, "valueFrom": mine} for name in named]

    assert "must be started as the chart does it" in guarded.refuses(altered(guarded, change))


def test_a_running_pod_keeps_its_image_and_takes_no_other(guarded, cluster):
    created = cluster.create(in_namespace(guarded.pod(), guarded.guarded))
    one(created["spec"]["initContainers"], "hopguard")["image"] = "registry.acme.com/yes-man:1"
    with pytest.raises(Refused, match="the container hopguard must run"):
        cluster.replace(created)
    cluster.delete("v1", "Pod", created["metadata"]["name"], guarded.guarded)


@pytest.mark.parametrize("path", ("/run/hopguard/", "/run//hopguard", "/var/run/hopguard", "/srv/../run/hopguard", "/run/hopguard/check.sock"))
def test_envoy_sees_no_other_socket_in_the_place_of_hopguards(guarded, path):
    pod = guarded.pod(init=1)
    pod["spec"].setdefault("volumes", []).append({"name": "mine", "emptyDir": {}})
    everyone = pod["spec"]["containers"] + pod["spec"]["initContainers"]
    one(everyone, guarded.mesh.container)["volumeMounts"].append({"name": "mine", "mountPath": path})
    assert "mounts nothing over Hopguard's socket" in guarded.refuses(pod)


EPHEMERAL = {
    "as Envoy's user": (lambda mesh: {"securityContext": {"runAsUser": mesh.uid}}, "no other container may run as Envoy's user"),
    "as Hopguard's user": (lambda mesh: {"securityContext": {"runAsUser": 65531}}, "no other container may run as Envoy's user"),
    "with the socket": (lambda mesh: {"volumeMounts": [{"name": "hopguard-socket", "mountPath": "/mine"}]}, "no container but Hopguard's"),
    "with the state": (lambda mesh: {"volumeMounts": [{"name": "hopguard-state", "mountPath": "/mine"}]}, "no container but Hopguard's"),
    "inside Hopguard": (lambda mesh: {"targetContainerName": "hopguard"}, "may join the process namespace"),
    # Its image may name Envoy's user, which nobody sees here: it would reach the socket through /proc.
    "inside Envoy": (lambda mesh: {"targetContainerName": mesh.container}, "may join the process namespace"),
}


@pytest.mark.parametrize("who", EPHEMERAL)
def test_a_container_for_debugging_is_held_to_the_same(guarded, cluster, who):
    made, said = EPHEMERAL[who]
    pod = guarded.pod()
    pod["metadata"]["name"] = "debugged"
    created = cluster.create(in_namespace(pod, guarded.guarded))
    try:
        plain = combine(container("debug"), {})
        created["spec"]["ephemeralContainers"] = [combine(plain, made(guarded.mesh))]
        with pytest.raises(Refused, match=said):
            cluster.replace(created, subresource="ephemeralcontainers")
        created["spec"]["ephemeralContainers"] = [plain]
        cluster.replace(created, subresource="ephemeralcontainers", dry_run=True)
    finally:
        cluster.delete("v1", "Pod", "debugged", guarded.guarded)
