"""Hopguard's injection beside others: in whichever order they come, and as often as the API server asks again, there is one Hopguard that Envoy sees."""

import json

import pytest

from harness import sidecars
from harness.processes import until
from harness.release import SOCKET, clean, mounts, one, released
from harness.samples import combine, container

GROUP = "admissionregistration.k8s.io/v1"
WANTS = "hopguard.test/wants"


def cel(value):
    """A value as CEL writes it: like JSON, but that what a map or a list holds is of one type, or `dyn`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: dyn({cel(inner)})" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(f"dyn({cel(inner)})" for inner in value) + "]"
    return json.dumps(value)


class Injector:
    """Somebody else's mutating policy, for pods that are labelled with what it adds."""

    def __init__(self, cluster, name, wanted, where, added):
        self._cluster = cluster
        self._name = name
        literal = cel(added)
        spec = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "objectSelector": {"matchLabels": {WANTS: wanted}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
            },
            "matchConditions": [{"name": "once", "expression": f'!object.spec.?{where}.orValue([]).exists(c, c.name == "{added["name"]}")'}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": (
                f"has(object.spec.{where}) ? "
                f'[JSONPatch{{op: "add", path: "/spec/{where}/0", value: {literal}}}] : '
                f'[JSONPatch{{op: "add", path: "/spec/{where}", value: [{literal}]}}]'
            )}}],
        }
        binding = {"policyName": name}
        for kind, body in (("MutatingAdmissionPolicy", spec), ("MutatingAdmissionPolicyBinding", binding)):
            cluster.create({"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": body})

    def remove(self):
        for kind in ("MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"):
            self._cluster.delete(GROUP, kind, self._name)


@pytest.fixture(scope="module", params=("envoy", "istio"))
def installed(request, cluster, charts):
    with released(cluster, charts, request.param) as release:
        yield release


@pytest.fixture(params=("aaa", "zzz"), ids=("before", "after"))
def injector(request, cluster, installed):
    """Makes policies that the API server comes to before ours, or after."""
    made = []

    def inject(wanted, where, added):
        made.append(Injector(cluster, f"{request.param}-{wanted}.hopguard.test", wanted, where, added))
        plain = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sample", "labels": {WANTS: wanted}},
                 "spec": {"containers": [container("application")]}}
        acts = lambda: any(each["name"] == added["name"] for each in installed.admit(plain, installed.other)["spec"].get(where, []))
        until(acts, "the other injector is in force")

    yield inject
    for policy in made:
        policy.remove()


def test_a_container_that_comes_later_changes_nothing_of_ours(installed, injector):
    injector("first", "initContainers", container("first"))
    pod = installed.admit(labelled(installed.mesh.pod(init=1), "first"))
    assert sorted(each["name"] for each in pod["spec"]["initContainers"]) == ["first", "hopguard", "init-0"]
    assert mounts(one(pod["spec"]["containers"], installed.mesh.container)) == [SOCKET]
    assert clean(installed.admit(clean(pod)))["spec"] == clean(pod)["spec"]


def test_an_envoy_that_comes_later_sees_the_socket(installed, injector):
    injector("envoy", "containers", installed.mesh.envoy())
    pod = installed.admit(labelled(installed.mesh.pod(envoy=False), "envoy"))
    assert len(sidecars.hopguards(pod)) == 1
    assert mounts(one(pod["spec"]["containers"], installed.mesh.container)) == [SOCKET]


def test_a_native_envoy_that_comes_later_sees_the_socket(installed, injector):
    injector("native", "initContainers", {**installed.mesh.envoy(), "restartPolicy": "Always"})
    pod = installed.admit(labelled(installed.mesh.pod(envoy=False, init=1), "native"))
    assert len(sidecars.hopguards(pod)) == 1
    assert mounts(one(pod["spec"]["initContainers"], installed.mesh.container)) == [SOCKET]


@pytest.mark.parametrize("installed", ["istio"], indirect=True)
@pytest.mark.parametrize("before", (None, "{}", " { } ", '{"mine":{"mountPath":"/mine"}}'))
def test_istios_injector_is_asked_for_the_socket(installed, before):
    sent = installed.mesh.pod()
    if before is not None:
        sent["metadata"]["annotations"] = {"sidecar.istio.io/userVolumeMount": before}
    annotations = installed.admit(sent)["metadata"]["annotations"]
    asked = json.loads(annotations["sidecar.istio.io/userVolumeMount"])
    wanted = {key: value for key, value in SOCKET.items() if key != "name"}
    assert asked == {**json.loads(before or "{}"), "hopguard-socket": wanted}


@pytest.mark.parametrize("installed", ["istio"], indirect=True)
@pytest.mark.parametrize("before, after", ((None, "9192"), ("8080", "8080,9192"), ("8080, 9192", "8080, 9192")))
def test_istio_leaves_the_admin_port_to_prometheus(installed, before, after):
    sent = installed.mesh.pod()
    if before is not None:
        sent["metadata"]["annotations"] = {"traffic.sidecar.istio.io/excludeInboundPorts": before}
    assert installed.admit(sent)["metadata"]["annotations"]["traffic.sidecar.istio.io/excludeInboundPorts"] == after


def labelled(pod, wanted):
    return combine(pod, {"metadata": {"labels": {WANTS: wanted}}})
