"""Known vulnerabilities of what is installed, by pip-audit; says so in one sentence when it cannot know."""

import re
import subprocess
import sys

UNREACHABLE = 2
_NETWORK = re.compile(r"(?:ConnectionError|ProxyError|ConnectTimeout|ReadTimeout|SSLError|ServiceError)\b")


def audit() -> int:
    """Exit code: 0 nothing known, 1 vulnerabilities or a failure, 2 the database is out of reach."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout)
    if done.returncode and _NETWORK.search(done.stderr):
        sys.stderr.write(
            "make audit: the advisory database cannot be reached, so nothing is known; this target needs the "
            "network, as pip itself does\n"
        )
        return UNREACHABLE
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(audit())
