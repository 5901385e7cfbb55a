"""What the chart writes into hopguard.yaml is what Hopguard takes, for every mesh, source of trust and way of delivery; and it asks for no more than it must."""

import subprocess

import pytest

from harness.charts import HelmError
from harness.samples import MESHES, VALUES, combine
from harness.tools import CHARTS

SELF = "spiffe://prod.acme.com/ns/ledger/sa/api"
ASKERS = ["spiffe://prod.acme.com/ns/edge/sa/gateway", "spiffe://prod.acme.com/ns/partners/sa/gateway"]
TRUST = {
    "workloadApi": {"source": "workloadApi"},
    "istioRoot": {"source": "istioRoot"},
    "pem": {"source": "pem", "pem": {"configMap": "roots", "intermediates": "more.pem"}},
}
# A root of the trust domain, for a hundred years; its key was thrown away.
ROOT_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBqjCCAVCgAwIBAgIUQkC9pXt1MOs5y0PPrYkKiiCW2HcwCgYIKoZIzj0EAwIw
DzENMAsGA1UECgwEYWNtZTAgFw0yNjExMjEyMzMxMzNaGA8yMTI2MTAyODIzMzEz
M1owDzENMAsGA1UECgwEYWNtZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLKq
91Ps9i9gZ1EGKiVYn1T0ltQsHPPFKI313j3Nw7nn2SIo5QHVMm9A6h7j8KPXLoJx
iOmfqm8psecVHYnolrSjgYcwgYQwHQYDVR0OBBYEFOgv3BMcq6+xEHqhN62qyrhC
5gKKMB8GA1UdIwQYMBaAFOgv3BMcq6+xEHqhN62qyrhC5gKKMA8GA1UdEwEB/wQF
MAMBAf8wDgYDVR0PAQH/BAQDAgEGMCEGA1UdEQQaMBiGFnNwaWZmZTovL3Byb2Qu
YWNtZS5jb20wCgYIKoZIzj0EAwIDSAAwRQIgI0YKJlUeu7WZxFsmfyvNveB6H0Ay
abYtMxaENxG5mRYCIQCppEArwZgPHDmI+8hvT2FIg/QI9AQ8c0CJZpjqsN7Faw==
-----END CERTIFICATE-----
"""
# Keys of Hopguard's own, one of each section that the chart passes on.
PASSED_ON = {"config": {
    "audiences": ["https://ledger.acme.com"],
    "audit": {"durability": "async"},
    "grants": {"approvals": "required", "allowed_signers": "allowed_signers"},
    "hop": {"max_stream": "5m", "public": [{"methods": ["GET"], "paths": ["/healthz"]}]},
    "limits": {"in_flight": 1000000, "deadline": "50ms"},
    "peer": {"max_lifetime": "2h"},
    "policy": {"timeout": "5ms"},
    "purpose": {"header": "x-why"},
    "response": {"protected_headers": ["x-mine"]},
    "store": {"max_stale": "10m"},
    "telemetry": {"log": "info,hopguard::policy=debug"},
    "tokens": {"jwt_svid": {"one_time": True}},
}, "files": {"allowed_signers": "# nobody yet\n"}}


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A public key that signs bundles."""
    folder = tmp_path_factory.mktemp("key")
    run = lambda *command: subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout
    run("ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", "key")
    return run("ssh-keygen", "-e", "-m", "PKCS8", "-f", "key.pub")


def bundles(key):
    bundle = {"url": "https://bundles.acme.com/all.tar.gz", "scope": "prod", "longPoll": "30s", "tokenSecret": {"name": "bundle"},
              "keys": [{"id": "release", "algorithm": "ES256", "publicKey": key}]}
    return {"documents": {"source": "bundle", "bundle": bundle}, "policy": {"source": "bundle", "bundle": bundle}}


def maps(resources, ending):
    """The data of the ConfigMaps whose name ends so, by namespace."""
    return {resource["metadata"]["namespace"]: resource["data"] for resource in resources
            if resource["kind"] == "ConfigMap" and resource["metadata"]["name"].endswith(ending)}


def checked(tools, folder, resources, ending="-config"):
    """What `hopguard check` says of a rendered configuration, with everything that the pod would mount beside it."""
    (files,) = maps(resources, ending).values()
    for directory in ("documents", "policy", "trust", "documents-token", "policy-token"):
        (folder / directory).mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    for of in ("documents", "policy"):
        for data in maps(resources, f"-{of}").values():
            for name, text in data.items():
                (folder / of / name).write_text(text)
    for name in ("root-cert.pem", "roots.pem", "more.pem"):
        (folder / "trust" / name).write_text(ROOT_CERTIFICATE)
    config = files["hopguard.yaml"]
    given = [] if "workload_api" in config else ["--self", SELF]
    return config, tools.run(tools.hopguard, "check", "--config", folder / "hopguard.yaml", *given, check=False)


def possible(mesh, trust):
    return trust != "istioRoot" or mesh in ("istio", "ambient")


@pytest.mark.parametrize("mesh, trust", [(mesh, trust) for mesh in MESHES for trust in TRUST if possible(mesh, trust)])
def test_hopguard_takes_the_configuration_of_every_mesh(tools, render, tmp_path, mesh, trust):
    resources = render(combine(VALUES, PASSED_ON, {"mesh": mesh, "trust": TRUST[trust]}))
    config, said = checked(tools, tmp_path, resources)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"- {MESHES[mesh].uid}\n" in config
    assert ("xfcc_uri" in config) == (mesh == "ambient") == ("asserted" in config)
    assert "sanitize_set: true" in config


def test_hopguard_takes_the_configuration_of_the_deployment(tools, render, tmp_path, key):
    values = combine(VALUES, bundles(key), {"deployment": {"enabled": True, "askers": ASKERS}})
    config, said = checked(tools, tmp_path, render(values), "-deployment")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "self_check: none" in config and all(asker in config for asker in ASKERS) and "check.sock" not in config


def test_hopguard_takes_the_configuration_of_bundles(tools, render, tmp_path, key):
    config, said = checked(tools, tmp_path, render(combine(VALUES, bundles(key))))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "token_file: documents-token/token" in config and "scope: prod" in config


@pytest.mark.parametrize("values", ["ambient", "gateway", "istio", "sidecar", "trial"])
def test_the_values_that_ship_for_trying_the_chart_make_a_configuration_that_loads(tools, render, tmp_path, values):
    resources = render(files=[CHARTS / f"hopguard/ci/{values}-values.yaml"])
    one = [resource for resource in resources if resource["metadata"].get("namespace") != "billing"]
    _, said = checked(tools, tmp_path, one)
    assert said.returncode == 0, said.stdout + said.stderr


def test_what_is_skipped_is_not_mounted(render):
    values = combine(VALUES, {"strictMode": False, "mode": {"ceiling": "skip", "policy": "skip"}, "injection": {"mode": "manual"}})
    resources = render(values)
    assert set(maps(resources, "-documents")) == set(maps(resources, "-policy")) == set()
    (config,) = maps(resources, "-config").values()
    assert "directory: documents" not in config["hopguard.yaml"] and "directory: policy" not in config["hopguard.yaml"]
    (patch,) = maps(resources, "-sidecar").values()
    assert "hopguard-documents" not in patch["patch.yaml"] and "hopguard-policy" not in patch["patch.yaml"]


def test_each_namespace_has_its_own_and_an_existing_one_is_left_to_its_owner(render):
    values = combine(VALUES, {"namespaces": ["ledger", "billing"], "documents": {"configMap": {"existing": "approved"}}})
    resources = render(values)
    assert set(maps(resources, "-config")) == set(maps(resources, "-policy")) == {"ledger", "billing"}
    assert maps(resources, "-documents") == {}
    test = next(resource for resource in resources if resource["kind"] == "Pod")
    assert {"name": "hopguard-documents", "configMap": {"name": "approved"}} in test["spec"]["volumes"]


def test_what_the_chart_decides_no_value_decides(render):
    for of in ({"listen": []}, {"mode": {"proof": "skip"}}, {"trust": []}, {"preset": "opa-envoy"}, {"self": SELF},
               {"peer": {"evidence": ["principal"]}}, {"peer": {"xfcc": {"sanitize_set": True}}}, {"audit": {"file": "/tmp/x"}},
               {"policy": {"directory": "/tmp"}}, {"store": {"directory": "/tmp"}}):
        with pytest.raises(HelmError, match="additional properties"):
            render([VALUES, {"config": of}])
