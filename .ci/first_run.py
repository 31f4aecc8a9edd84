"""Type `make run`, wait until it has deployed and says how to stop it, and stop it so."""

import os
import signal
import subprocess
import sys

command = subprocess.Popen(
    ["make", "run"], stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
)
assert command.stdout is not None
seen = []
for line in command.stdout:
    seen.append(line)
    print(line, end="", flush=True)
    if "Ctrl-C stops it" in line:
        os.killpg(command.pid, signal.SIGINT)
code = command.wait()
served = any("Ctrl-C stops it" in line for line in seen)
print(f"make run ended with {code}")
# A make that Ctrl-C ends says so by dying of it.
sys.exit(0 if served and code in (0, -signal.SIGINT) else 1)
