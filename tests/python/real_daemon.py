"""A daemon of one's own, for tests and benches. Puts the client on the path."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "client", "python"))

import nanoflow_client as nf  # noqa: E402


def start(daemon, model, folder, *options, **environment):
    """On a socket in the folder; returns the process and the endpoint once the model is loaded."""
    endpoint = f"ipc://{folder}/nanoflowd.sock"
    log = open(os.path.join(folder, "log"), "ab")
    environ = {**os.environ, **environment}
    process = subprocess.Popen([daemon, "--model", model, "--endpoint", endpoint, *options], stdout=log, stderr=log,
                               stdin=subprocess.DEVNULL, env=environ)
    log.close()
    limit_s = 300 if "NANOFLOW_SANITIZED" in environ else 60  # a sanitized one loads for half a minute
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {process.returncode}: {open(folder + '/log').read()}")
        try:
            with nf.Client(endpoint) as client:
                if client.models():
                    return process, endpoint
        except nf.ConnectionLost:
            pass
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"the daemon was not ready within {limit_s} s: " + open(folder + "/log").read())


def memory(pid):
    """A process's memory by name, bytes: VmRSS, VmHWM, RssAnon, RssFile, ..."""
    with open(f"/proc/{pid}/status") as status:
        return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in status if line.endswith(" kB\n")}
