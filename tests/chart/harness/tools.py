"""Where the tools are, and how they are run: with nothing of the caller's own cluster, credentials or Helm repositories in reach."""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHARTS = ROOT / "deploy/k8s/charts"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()


class Tools:
    """Paths of what `make chart` installs and builds, each as an attribute; one that is not there is named when it is asked for."""

    def __init__(self):
        base = pathlib.Path(os.environ.get("CHART_TOOLS") or TARGET / "tools/chart").absolute()
        kube = pathlib.Path(os.environ.get("KUBE_BIN") or TARGET / "tools/kubernetes-1.36.3").absolute()
        self._paths = {
            **{name: base / "bin" / name for name in ("helm", "kubectl", "promtool", "prometheus", "hadolint")},
            "node": pathlib.Path(shutil.which("node") or "/no/node/in/PATH"),
            "node_modules": base / "node_modules",
            "hopguard": pathlib.Path(os.environ.get("HOPGUARD_BIN") or TARGET / "debug/hopguard").absolute(),
            "kube_apiserver": kube / "kube-apiserver",
            "etcd": kube / "etcd",
        }

    def __getattr__(self, name):
        path = vars(self).get("_paths", {}).get(name)
        if path is None:
            raise AttributeError(name)
        if not path.exists():
            raise RuntimeError(f"{path} is not there: `make chart` puts it there")
        return path

    def run(self, *command, input=None, check=True, env=None, cwd=None, timeout=120):
        """Runs a command in an environment of its own, and gives what it said as text."""
        done = subprocess.run(
            [str(part) for part in command],
            input=input, capture_output=True, text=True, env=env or environment(), cwd=cwd, timeout=timeout,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


def environment(**more):
    """The environment of every tool: a `kubectl` that is told nothing must find no cluster, whoever runs the tests."""
    home = TARGET / "tools/home"
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "CARGO_TARGET_DIR") if name in os.environ}
    return {**kept, "HOME": str(home), "KUBECONFIG": "/dev/null", "HELM_PLUGINS": str(home / "no-plugins"), **more}

