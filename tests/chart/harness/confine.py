"""Runs a program as a kubelet runs a container: `confine.py SPEC.json`, as root.

A root file system of its own that is read-only, volumes as they are mounted, one user and one group, no capability, no new privileges, and the
container runtime's seccomp filter. A call that the filter does not allow ends the process (SIGSYS) instead of failing: nothing gets by unseen.
"""

import ctypes
import json
import os
import pathlib
import signal
import sys

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
CLONE_NEWNS = 0x20000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38

# libseccomp's numbers.
KILL_PROCESS, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
OPERATORS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}
EPERM = 1


class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class System:
    """The calls that Python has no name for, each an exception if it fails."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)

    def _did(self, result, what):
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")

    def unshare_mounts(self):
        self._did(self.libc.unshare(CLONE_NEWNS), "a mount namespace of its own")
        self.mount(None, "/", None, MS_REC | MS_PRIVATE)

    def mount(self, source, target, kind, flags=0, options=None):
        arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
        self._did(self.libc.mount(*arguments, ctypes.c_ulong(flags), options and options.encode()), f"mount {source} at {target}")

    def bind(self, source, target, writable=False):
        target = pathlib.Path(target)
        if pathlib.Path(source).is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        self.mount(source, target, None, MS_BIND | MS_REC)
        if not writable:
            self.mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)

    def prctl(self, option, argument):
        self._did(self.libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0), f"prctl {option}")


def build(system, spec):
    """The root file system: a tmpfs that is read-only in the end, and what is mounted in it."""
    root = pathlib.Path(spec["root"])
    system.mount("hopguard-root", root, "tmpfs", 0, "mode=755")
    for path, content in spec["files"].items():
        system.bind(content, root / path.lstrip("/"))
    for path, source in spec["volumes"].items():
        system.bind(source, root / path.lstrip("/"))
    for path, options in spec["empty_dirs"].items():
        target = root / path.lstrip("/")
        target.mkdir(parents=True)
        # kubelet: in memory it is a tmpfs as it comes, on disk a directory for everybody.
        system.mount("hopguard-volume", target, "tmpfs", MS_NOSUID | MS_NODEV, f"size={options['size']},mode={'1777' if options['memory'] else '777'}")
    system.bind("/proc", root / "proc", writable=True)
    for device in ("null", "zero", "random", "urandom"):
        system.bind(f"/dev/{device}", root / "dev" / device, writable=True)
    system.mount(None, root, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
    return root


class Filter:
    """An OCI profile, to be loaded; what it does not name ends the process."""

    def __init__(self, profile):
        self.library = ctypes.CDLL("libseccomp.so.2")
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.seccomp_init(ctypes.c_uint32(KILL_PROCESS)))
        for entry in profile["syscalls"]:
            action = {"SCMP_ACT_ALLOW": ALLOW, "SCMP_ACT_ERRNO": ERRNO | entry.get("errnoRet", EPERM)}[entry["action"]]
            arguments = [
                Argument(it["index"], OPERATORS[it["op"].removeprefix("SCMP_CMP_")], it["value"], it.get("valueTwo", 0))
                for it in entry.get("args") or []
            ]
            for name in entry["names"]:
                self.add(name, action, (Argument * len(arguments))(*arguments))

    def add(self, name, action, arguments):
        number = self.library.seccomp_syscall_resolve_name(name.encode())
        # Not of this architecture, or newer than the library: a runtime leaves it out too.
        if number >= 0:
            self._did(self.library.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number, len(arguments), arguments), name)

    def load(self):
        self._did(self.library.seccomp_load(self.context), "seccomp_load")

    def _did(self, code, what):
        if code != 0:
            raise OSError(-code, f"{what}: {os.strerror(-code)}")


def main():
    spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
    profile = json.loads(pathlib.Path(spec["profile"]).read_text())
    if os.geteuid() != 0:
        sys.exit("only root can run a program as another user in a root file system of its own: run these tests as root")
    system, calls = System(), Filter(profile)
    # Whoever runs the test may be killed.
    system.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    system.unshare_mounts()
    os.chroot(build(system, spec))
    os.chdir("/")
    last = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        system.prctl(PR_CAPBSET_DROP, capability)
    os.setgroups([])
    os.setresgid(spec["gid"], spec["gid"], spec["gid"])
    os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    # Changing the user has taken this back.
    system.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    system.prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.umask(0o022)
    calls.load()
    os.execve(spec["command"][0], spec["command"], {})


if __name__ == "__main__":
    main()
