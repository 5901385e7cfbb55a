"""Fixtures of every test here: the tools, rendered charts, schemas, and one real API server for all tests that ask for it."""

import contextlib
import pathlib
import tempfile

import pytest

from harness.charts import Charts
from harness.cluster import Cluster
from harness.pods import PodSecurity
from harness.tools import Tools
from harness.validate import Schemas


@pytest.fixture(scope="session")
def tools():
    """Paths of the tools (`tools.helm`, `tools.promtool`, `tools.hopguard`, …), and `tools.run(command…)`."""
    return Tools()


@pytest.fixture(scope="session")
def charts(tools, tmp_path_factory):
    """Helm with the two charts; `helm` and `render` are its everyday parts."""
    return Charts(tools, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def helm(charts):
    """`helm(*arguments)`: what it printed, or `HelmError`."""
    return charts.helm


@pytest.fixture(scope="session")
def render(charts):
    """`render(values, kube_version="1.36", files=[…], api_versions=[…])`: the rendered resources, or `HelmError`."""
    return charts.render


@pytest.fixture(scope="session")
def schemas(tools):
    """Every schema there is; `validate` and `validate_crs` are its everyday parts."""
    held = Schemas(tools)
    yield held
    held.close()


@pytest.fixture(scope="session")
def validate(schemas):
    """`validate(resources, version="1.36")`: raises `Invalid` with all that is wrong."""
    return schemas.validate


@pytest.fixture(scope="session")
def validate_crs(schemas):
    """`validate_crs(resources)`: the same for resources of Istio, Gateway API and the Prometheus Operator alone."""
    return schemas.validate_crs


@pytest.fixture(scope="session")
def cluster(tools):
    """The real API server: see `harness.cluster.Cluster`."""
    with running(tools) as started:
        yield started


@pytest.fixture
def fresh_cluster(tools):
    """One that nobody else has, for what all others would notice."""
    with running(tools) as started:
        yield started


@contextlib.contextmanager
def running(tools):
    # etcd's sockets lie in it, and a socket's path has little room.
    with tempfile.TemporaryDirectory(prefix="hopguard-") as directory:
        started = Cluster(tools, pathlib.Path(directory))
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture
def namespace(cluster):
    """A namespace of this test's own, where Pod Security is restricted."""
    return cluster.namespace()


@pytest.fixture(scope="session")
def pod_security(cluster):
    """`pod_security(workload, version)`: raises `Refused` unless Pod Security admission takes its pods as restricted in that version."""
    return PodSecurity(cluster).hold
