"""Starts processes that end with the tests, however these end, and waits for what they promise without sleeping blindly."""

import ctypes
import os
import signal
import socket
import subprocess
import time

from harness.tools import environment

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Process:
    """A process that listens somewhere; what it writes goes to a file."""

    def __init__(self, command, log, env=None):
        self.log = log
        parent = os.getpid()

        # Whatever kills the tests, a timeout's SIGKILL too, must not leave servers behind.
        def die_with_the_tests():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with open(log, "wb") as out:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env or environment(), preexec_fn=die_with_the_tests,
            )

    @property
    def pid(self):
        return self._process.pid

    def ended(self):
        """Its exit status, once it has one."""
        return self._process.poll()

    def said(self, last=4000):
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-last:]

    def stop(self, timeout=10):
        """Asks it to end, and makes it; gives its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(timeout)


def until(ready, what, timeout=60, process=None):
    """Asks `ready()` until it gives something true, which is returned; an `AssertionError` it raises counts as no, and is told at the end."""
    deadline = time.monotonic() + timeout
    pause, last = 0.01, None
    while True:
        try:
            if found := ready():
                return found
        except AssertionError as error:
            last = error
        if process and process.ended() is not None:
            raise AssertionError(f"{what}: the process ended with {process.ended()}:\n{process.said()}")
        if time.monotonic() > deadline:
            wrote = f"\n{process.said()}" if process else ""
            raise AssertionError(f"{what}: not within {timeout} s{f': {last}' if last else ''}{wrote}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def free_port():
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
