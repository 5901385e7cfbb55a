"""The recipes of deploy/k8s/examples: what is applied is valid, what the chart makes of their values is what the live tests ran, and it is guarded."""

import os
import secrets

import pytest
import yaml

from harness.charts import HelmError, Loader, objects
from harness.cluster import Refused
from harness.pods import pod_of
from harness.processes import until
from harness.tools import CHARTS, ROOT
from harness.validate import VERSIONS

FOLDER = ROOT / "deploy/k8s/examples"
EXAMPLES = ("plain-envoy", "envoy-spire", "istio-sidecar", "istio-ambient", "envoy-gateway")
# What their READMEs tell the reader to fill in.
IMAGE = {"image": {"digest": "sha256:" + "0123456789abcdef" * 4}}
# Groups whose schemas no package has: their READMEs say how they were held against their CRDs.
UNCHECKED = ("cert-manager.io", "gateway.envoyproxy.io", "spire.spiffe.io", "trust.cert-manager.io")


@pytest.fixture(params=EXAMPLES)
def example(request):
    return FOLDER / request.param


@pytest.fixture(scope="module")
def applied(tools):
    """Everything that `kubectl apply` gets of a recipe."""
    def build(folder):
        built = tools.run(tools.kubectl, "kustomize", folder).stdout
        by_hand = [folder / name for name in ("namespace.yaml", "envoyfilter.yaml")]
        return [resource for path in by_hand if path.exists() for resource in objects(path.read_text())] + objects(built)
    return build


def test_every_folder_is_a_recipe_that_is_tested():
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == sorted(EXAMPLES)


def test_every_file_of_a_recipe_is_used(example, applied):
    kustomization = yaml.load((example / "kustomization.yaml").read_text(), Loader=Loader)
    named = set(kustomization["resources"])
    for generated in kustomization["configMapGenerator"]:
        named.update(generated["files"])
    beside = {"README.md", "envoy.yaml", "hopguard.yaml", "kustomization.yaml", "namespace.yaml", "values.yaml"}
    beside.update(path.name for path in example.iterdir() if path.name in ("envoyfilter.yaml", "istiod-values.yaml"))
    assert {path.name for path in example.iterdir()} == named | beside


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_applied_is_valid(example, applied, validate, version):
    validate(applied(example), version, unchecked=UNCHECKED)


def test_pods_are_restricted_and_neither_root_nor_envoy_nor_of_a_token(example, applied, pod_security):
    workloads = [resource for resource in applied(example) if pod_of(resource)]
    assert workloads
    for workload in workloads:
        for version in (*VERSIONS[:3], "latest"):
            pod_security(workload, version)
        spec = workload["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["runAsUser"] not in (0, 101, 1337, 65531, 65532), container["name"]
            assert "@sha256:" in container["image"]


def test_the_chart_gives_hopguard_what_the_live_tests_ran(example, render):
    resources = render(IMAGE, files=[example / "values.yaml"])
    [rendered] = [resource["data"]["hopguard.yaml"] for resource in resources
                  if resource["kind"] == "ConfigMap" and "hopguard.yaml" in resource["data"]]
    kept = example / "hopguard.yaml"
    if os.environ.get("HOPGUARD_UPDATE"):
        kept.write_text(rendered)
    assert kept.read_text() == rendered, "HOPGUARD_UPDATE=1 make chart writes it anew"


def test_the_chart_wants_the_image_to_be_named(example, render):
    with pytest.raises(HelmError, match="image.digest is empty"):
        render(files=[example / "values.yaml"])


def test_hopguard_takes_the_configuration_the_documents_and_the_policy(example, tools, tmp_path):
    for name, folder in (("documents.yaml", "documents"), ("authz.rego", "policy")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text((example / name).read_text())
    config = yaml.load((example / "hopguard.yaml").read_text(), Loader=Loader)
    grants = [document for document in yaml.load_all((example / "documents.yaml").read_text(), Loader=Loader) if document["kind"] == "Grant"]
    [audience] = {grant["spec"]["audience"] for grant in grants}
    # What the pod's Workload API or `--self` would say; the roots are only there in a pod.
    config["self"] = audience
    config["trust"] = [{"trust_domain": "prod.internal", "workload_api": "unix:/run/spiffe/workload/spire-agent.sock"}]
    (tmp_path / "hopguard.yaml").write_text(yaml.safe_dump(config))
    checked = tools.run(tools.hopguard, "check", "--config", tmp_path / "hopguard.yaml", check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 grants, 1 of them for this workload" in checked.stdout


def test_istio_is_told_to_wait_a_quarter_of_a_second_and_to_believe_no_caller_s_header():
    for name in ("istio-sidecar", "istio-ambient"):
        mesh = yaml.load((FOLDER / name / "istiod-values.yaml").read_text(), Loader=Loader)["meshConfig"]
        [provider] = mesh["extensionProviders"]
        asked = provider["envoyExtAuthzGrpc"]
        assert (asked["timeout"], asked["failOpen"], asked["statusOnError"]) == ("0.25s", False, "503")
        namespace, _, host = asked["service"].partition("/")
        [entry] = [one for one in objects((FOLDER / name / "mesh.yaml").read_text()) if one["kind"] == "ServiceEntry"]
        assert (entry["metadata"]["namespace"], entry["spec"]["hosts"]) == (namespace, [host])
        assert [port["number"] for port in entry["spec"]["ports"]] == [asked["port"]]
        headers = mesh["defaultConfig"].get("proxyHeaders")
        assert name == "istio-ambient" or headers["forwardedClientCert"] == "SANITIZE_SET"


@pytest.fixture(scope="module", params=("plain-envoy", "envoy-spire"))
def installed(request, cluster, charts, applied):
    """The chart in the cluster with a recipe's values, in a namespace of the recipe's labels."""
    folder = FOLDER / request.param
    resources = applied(folder)
    [labels] = [resource["metadata"]["labels"] for resource in resources if resource["kind"] == "Namespace"]
    shop, home = cluster.namespace(labels=labels), cluster.namespace()
    cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "payments", "namespace": shop}})
    values = charts.values(folder / "values.yaml", IMAGE, {"namespaces": [shop]})
    cluster.helm("install", "hopguard", CHARTS / "hopguard", "--namespace", home, *values)
    [pod] = [pod_of(resource) for resource in resources if resource["kind"] == "Deployment"]
    pod["metadata"]["namespace"] = shop
    admit = lambda: cluster.create(pod, dry_run=True)
    until(lambda: has_hopguard(admit) is True, "the pod gets Hopguard")
    yield admit()
    cluster.helm("uninstall", "hopguard", "--namespace", home)
    until(lambda: has_hopguard(admit) is False, "the policies are gone")


def has_hopguard(admit):
    """Whether the pod gets Hopguard; `None` while one policy is in force and the other is not."""
    try:
        return "hopguard" in names(admit())
    except Refused:
        return None


def names(pod):
    return [container["name"] for container in pod["spec"]["initContainers"] + pod["spec"]["containers"]]


def test_the_chart_puts_hopguard_before_the_recipe_s_envoy_which_alone_sees_the_socket(installed):
    assert names(installed) == ["hopguard", "envoy", "payments"]
    hopguard, envoy = installed["spec"]["initContainers"]
    assert hopguard["securityContext"]["runAsGroup"] == envoy["securityContext"]["runAsGroup"] == 101
    seen = {container["name"]: [mount["mountPath"] for mount in container.get("volumeMounts", []) if mount["name"] == "hopguard-socket"]
            for container in installed["spec"]["initContainers"] + installed["spec"]["containers"]}
    assert seen == {"hopguard": ["/run/hopguard"], "envoy": ["/run/hopguard"], "payments": []}
    maps = {volume["configMap"]["name"] for volume in installed["spec"]["volumes"] if "configMap" in volume}
    assert {"payments-documents", "payments-policy"} <= maps


GUARDED = {
    "istio-sidecar": {
        "ServiceEntry": "networking.istio.io/v1", "WorkloadEntry": "networking.istio.io/v1", "EnvoyFilter": "networking.istio.io/v1alpha3",
        "WasmPlugin": "extensions.istio.io/v1alpha1", "AuthorizationPolicy": "security.istio.io/v1",
    },
    "envoy-gateway": {
        "SecurityPolicy": "gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy": "gateway.envoyproxy.io/v1alpha1",
        "HTTPRoute": "gateway.networking.k8s.io/v1",
    },
    "istio-ambient": {"Gateway": "gateway.networking.k8s.io/v1", "AuthorizationPolicy": "security.istio.io/v1"},
}


class Guard:
    """A recipe's guard in force, and a team that may write everything in its own namespace, by RBAC."""

    def __init__(self, cluster, example):
        self._cluster = cluster
        self._example = example
        self.namespace = cluster.namespace()
        for kind, version in GUARDED[example].items():
            self._serve(kind, version)
        rbac = "rbac.authorization.k8s.io"
        team = {"apiVersion": f"{rbac}/v1", "metadata": {"name": "team", "namespace": self.namespace}}
        groups = sorted({version.split("/")[0] for version in GUARDED[example].values()})
        cluster.create({**team, "kind": "Role", "rules": [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]})
        cluster.create({
            **team, "kind": "RoleBinding", "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "team"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "team"}],
        })
        cluster.kubectl("apply", "--filename", FOLDER / example / "guard.yaml")

    # Any schema: what a resource may look like is its own project's business, and held elsewhere.
    def _serve(self, kind, version):
        group, _, name = version.partition("/")
        plural = plural_of(kind)
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}", "annotations": {
                "api-approved.kubernetes.io": "unapproved, for tests"}},
            "spec": {
                "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "versions": [{"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}],
            },
        }
        self._cluster.kubectl("apply", "--filename", "-", input=yaml.safe_dump(crd))
        self._cluster.kubectl("wait", "--for=condition=Established", f"crd/{plural}.{group}", "--timeout=30s")

    def create(self, kind, spec, name=None, user="team"):
        """What kubectl says to somebody who creates this: nothing against it, or why not."""
        resource = {
            "apiVersion": GUARDED[self._example][kind], "kind": kind,
            "metadata": {"name": name or f"one-{secrets.token_hex(3)}", "namespace": self.namespace}, "spec": spec,
        }
        acting = ["--as", user] if user else []
        done = self._cluster.kubectl("create", "--validate=false", "--dry-run=server", "--filename", "-", *acting,
                                     input=yaml.safe_dump(resource), check=False)
        return "" if done.returncode == 0 else done.stderr

    def remove(self):
        self._cluster.kubectl("delete", "--filename", FOLDER / self._example / "guard.yaml")


def plural_of(kind):
    return kind.lower()[:-1] + "ies" if kind.endswith(("cy", "ry")) else kind.lower() + "s"


@pytest.fixture(scope="module", params=GUARDED)
def guard(request, cluster):
    held = Guard(cluster, request.param)
    kind, spec, _ = REFUSED[request.param][0]
    until(lambda: held.create(kind, *spec) != "", "the guard is in force")
    yield request.param, held
    held.remove()


REFUSED = {
    "istio-sidecar": [
        ("ServiceEntry", ({"hosts": ["hopguard.local"]},), "could answer in its place"),
        ("ServiceEntry", ({"hosts": ["x.test", "HOPGUARD.local"]},), "could answer in its place"),
        ("ServiceEntry", ({"hosts": ["*.local"]},), "could answer in its place"),
        ("ServiceEntry", ({"hosts": ["x.test"], "endpoints": [{"address": "unix:///run/hopguard/check.sock"}]},), "platform's to name"),
        ("WorkloadEntry", ({"address": "UNIX:///run/x"},), "platform's to name"),
        ("EnvoyFilter", ({},), "take the question away"),
        ("WasmPlugin", ({},), "take the question away"),
        ("AuthorizationPolicy", ({"action": "ALLOW"}, "hopguard"), "nobody is asked"),
    ],
    "istio-ambient": [
        ("Gateway", ({}, "payments-waypoint"), "say who calls"),
        ("AuthorizationPolicy", ({"action": "ALLOW"}, "payments-from-waypoint"), "nobody is asked"),
    ],
    "envoy-gateway": [
        ("SecurityPolicy", ({},), "decide whether Hopguard is asked"),
        ("EnvoyExtensionPolicy", ({},), "decide whether Hopguard is asked"),
        ("HTTPRoute", ({"rules": [{"filters": [{"type": "URLRewrite"}]}]},), "after Hopguard was asked"),
        ("HTTPRoute", ({"rules": [{"backendRefs": [{"name": "x", "filters": [{"type": "RequestHeaderModifier"}]}]}]},), "after Hopguard was asked"),
    ],
}
TAKEN = {
    "istio-sidecar": [
        ("ServiceEntry", {"hosts": ["api.partner.test"], "endpoints": [{"address": "192.0.2.1"}]}),
        ("AuthorizationPolicy", {"action": "DENY"}),
    ],
    "istio-ambient": [("Gateway", {}), ("AuthorizationPolicy", {"action": "DENY"})],
    "envoy-gateway": [
        ("HTTPRoute", {"rules": [{"filters": [{"type": "ResponseHeaderModifier"}], "backendRefs": [{"name": "x"}]}]}),
        ("HTTPRoute", {}),
    ],
}


def test_the_guard_refuses_a_team_what_would_take_the_question_away(guard):
    example, held = guard
    for kind, spec, why in REFUSED[example]:
        assert why in held.create(kind, *spec), (kind, spec)


def test_the_guard_lets_the_platform_do_it_and_teams_their_own(guard):
    example, held = guard
    for kind, spec, _ in REFUSED[example]:
        assert held.create(kind, *spec, user=None) == "", (kind, spec)
    for kind, spec in TAKEN[example]:
        assert held.create(kind, spec) == "", (kind, spec)
