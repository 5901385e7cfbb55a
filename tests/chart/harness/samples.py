"""Values that install, and the pods of each mesh as they come to admission: what the tests of the chart start from."""

import copy

IMAGE = "registry.acme.com/hopguard"
DIGEST = "sha256:" + "0123456789abcdef" * 4
VALUES = {"trustDomain": "prod.acme.com", "image": {"repository": IMAGE, "digest": DIGEST}}
INJECTED = {"hopguard.dev/injection": "enabled"}
MODES = ("admissionPolicy", "istioTemplate", "manual")

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Mesh:
    """A mesh as far as its pods show it: what its Envoy's container is called, who runs it, and by which labels its pods are known."""

    def __init__(self, container, uid, labels=None, companions=()):
        self.container = container
        self.uid = uid
        self.labels = labels or {}
        self.companions = companions

    def envoy(self):
        """Its Envoy's container."""
        return container(self.container, runAsUser=self.uid)

    def pod(self, *, init=0, native=False, envoy=True):
        """A pod with so many init containers, and Envoy among the containers or as a native sidecar."""
        ran = [container(f"init-{number}") for number in range(init)]
        running = [container("application"), *(container(name, runAsUser=self.uid) for name in self.companions)]
        if envoy and native:
            ran.append({**self.envoy(), "restartPolicy": "Always"})
        elif envoy:
            running.append(self.envoy())
        spec = {"containers": running, **({"initContainers": ran} if ran else {})}
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sample", **labels}, "spec": spec}


# As their control planes write them: Istio's gateway controller labels waypoints, Envoy Gateway its proxies.
MESHES = {
    "envoy": Mesh("envoy", 101),
    "istio": Mesh("istio-proxy", 1337),
    "ambient": Mesh("istio-proxy", 1337, {
        "gateway.istio.io/managed": "istio.io-mesh-controller",
        "gateway.networking.k8s.io/gateway-class-name": "istio-waypoint",
        "gateway.networking.k8s.io/gateway-name": "waypoint",
    }),
    "envoyGateway": Mesh("envoy", 65532, {
        "app.kubernetes.io/name": "envoy", "app.kubernetes.io/component": "proxy", "app.kubernetes.io/managed-by": "envoy-gateway",
    }, companions=("shutdown-manager",)),
}


def container(name, **security):
    """A container that the restricted standard takes."""
    return {"name": name, "image": f"registry.acme.com/{name}:1", "securityContext": {**RESTRICTED, **security}}


def combine(*values):
    """Values laid over each other as Helm lays them: dicts are merged, all else is replaced."""
    combined = {}
    for each in values:
        for key, value in each.items():
            old = combined.get(key)
            both = isinstance(value, dict) and isinstance(old, dict)
            combined[key] = combine(old, value) if both else copy.deepcopy(value)
    return combined


def in_namespace(resource, namespace):
    """The resource, in that namespace."""
    moved = copy.deepcopy(resource)
    moved["metadata"]["namespace"] = namespace
    return moved
