"""Takes the pods out of workloads, and holds them against the Pod Security admission of the real API server."""

import copy

from harness.validate import label

# Where a workload keeps the pod that it makes.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


def pod_of(resource):
    """The pod that a workload makes, a pod itself as it is, `None` for what makes none."""
    if resource["kind"] == "Pod":
        return copy.deepcopy(resource)
    path = _TEMPLATES.get(resource["kind"])
    if path is None:
        return None
    template = copy.deepcopy(resource)
    for key in path:
        template = template[key]
    return {
        "apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
        "metadata": {**template.get("metadata", {}), "name": resource["metadata"]["name"]},
    }


def containers_of(pod):
    """Every container of a pod, init containers first."""
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


class PodSecurity:
    """The admission of pods into a namespace for each version of the standards."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._namespaces = {}

    def hold(self, resource, version="latest"):
        """Gives the admitted pod; raises `Refused` where the restricted standard of that version does not have it."""
        pod = pod_of(resource)
        if pod is None:
            raise ValueError(f"{label(resource)} makes no pod")
        pod["metadata"]["namespace"] = self._namespace(version, pod["spec"].get("serviceAccountName", "default"))
        return self._cluster.create(pod, dry_run=True)

    # Admission wants the service account to be there, whoever made it.
    def _namespace(self, version, account):
        if version not in self._namespaces:
            wanted = version if version == "latest" else f"v{version}"
            name = self._cluster.namespace(labels={"pod-security.kubernetes.io/enforce-version": wanted})
            self._namespaces[version] = (name, {"default"})
        name, accounts = self._namespaces[version]
        if account not in accounts:
            self._cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": name}})
            accounts.add(account)
        return name
