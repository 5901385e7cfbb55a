"""The chart installed in the real cluster beside one mesh, in force from its first use, and gone without trace afterwards."""

import contextlib

from harness import sidecars
from harness.cluster import Refused
from harness.processes import until
from harness.samples import INJECTED, MESHES, VALUES, combine, in_namespace
from harness.tools import CHARTS

SOCKET = {"name": "hopguard-socket", "mountPath": "/run/hopguard", "readOnly": True}


@contextlib.contextmanager
def released(cluster, charts, mesh, mode="admissionPolicy", **more):
    """Installs the chart for a mesh; yields what is installed."""
    release = Release(cluster, charts, mesh, mode, more)
    where = ("hopguard", "--namespace", release.home)
    cluster.helm("install", *where[:1], CHARTS / "hopguard", *where[1:], *charts.values(release.values))
    try:
        until(release.is_in_force, "the policies are in force")
        yield release
    finally:
        cluster.helm("uninstall", *where)
        # The next one would meet it.
        until(release.is_gone, "the policies are gone")


class Release:
    """A release with the namespace in which it is in force (`guarded`), one in which it is not (`other`), and its own (`home`)."""

    def __init__(self, cluster, charts, mesh, mode, more):
        self._cluster = cluster
        self._mode = mode
        self.mesh = MESHES[mesh]
        self.guarded = cluster.namespace(labels=INJECTED)
        self.other = cluster.namespace()
        self.home = cluster.namespace()
        self.values = combine(VALUES, {"mesh": mesh, "namespaces": [self.guarded], "injection": {"mode": mode}}, more)
        self._rendered = charts.render(self.values, namespace=self.home)

    def pod(self, *, init=0):
        """The mesh's pod as it comes to admission in this mode: where the API server does not inject, Hopguard is in it already."""
        if self._mode == "manual":
            return sidecars.pasted(self._rendered, self.mesh.pod(init=init))
        if self._mode == "istioTemplate":
            return sidecars.templated(self._rendered, self.mesh.pod(init=init, envoy=False), self.mesh.envoy())
        return self.mesh.pod(init=init)

    def admit(self, pod, namespace=None):
        """What the API server makes of the pod, which is not kept."""
        return self._cluster.create(in_namespace(pod, namespace or self.guarded), dry_run=True)

    def refuses(self, pod):
        """What the API server says against the pod; fails if nothing."""
        try:
            self.admit(pod)
        except Refused as refused:
            return str(refused)
        raise AssertionError("the API server takes the pod")

    def is_in_force(self):
        """Whether pods come out with Hopguard, and the guard refuses one that tampers with it."""
        try:
            pod = clean(self.admit(self.pod()))
        except Refused:
            return False
        if not sidecars.hopguards(pod):
            return False
        sidecars.hopguards(pod)[0]["command"] = ["sh"]
        return "must be started as the chart does it" in self.refuses(pod)

    def is_gone(self):
        """Whether a pod without Hopguard is taken as it is."""
        try:
            return not sidecars.hopguards(self.admit(self.mesh.pod()))
        except Refused:
            return False


def clean(admitted):
    """An admitted pod as somebody could send it again."""
    metadata = {key: value for key, value in admitted["metadata"].items() if key in ("name", "labels", "annotations")}
    return combine({key: value for key, value in admitted.items() if key not in ("metadata", "status")}, {"metadata": metadata})


def one(named, name):
    """The one of that name."""
    found = [each for each in named if each["name"] == name]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} are called {name}")
    return found[0]


def mounts(container):
    """The volumes of ours that a container sees."""
    return [mount for mount in container.get("volumeMounts", []) if mount["name"].startswith("hopguard-")]
