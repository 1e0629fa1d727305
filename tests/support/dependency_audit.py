"""Known vulnerabilities of what is installed, by pip-audit; says so in one sentence when it cannot know.

pip-audit ends well when the index answers but has no advisories for anything: every package is then skipped.
That is no all-clear, so each package must have been looked up.
"""

import json
import re
import subprocess
import sys
from typing import Any

UNREACHABLE = 2
_NETWORK = re.compile(r"(?:ConnectionError|ProxyError|ConnectTimeout|ReadTimeout|SSLError|ServiceError)\b")
_OWN = "distribution marked as editable"


def audit() -> int:
    """Exit code: 0 nothing known, 1 vulnerabilities or a failure, 2 not every package could be looked up."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode and _NETWORK.search(done.stderr):
        sys.stderr.write(
            "make audit: the advisory database cannot be reached, so nothing is known; this target needs the "
            "network, as pip itself does\n"
        )
        return UNREACHABLE
    if not done.stdout:
        sys.stderr.write(done.stderr)
        return done.returncode or 1
    return judged(json.loads(done.stdout)["dependencies"])


def judged(packages: list[dict[str, Any]]) -> int:
    """The exit code for what pip-audit found, with a line for every vulnerability."""
    known = [one for one in packages if "skip_reason" not in one]
    unknown = [one["name"] for one in packages if "skip_reason" in one and one["skip_reason"] != _OWN]
    holes = [(one, hole) for one in known for hole in one["vulns"]]
    for one, hole in holes:
        mended = ", ".join(hole["fix_versions"]) or "no version yet"
        sys.stdout.write(f"{one['name']} {one['version']}: {hole['id']}, mended in {mended}\n")
    if unknown:
        some = ", ".join(unknown[:3])
        sys.stderr.write(
            f"make audit: {len(unknown)} of {len(known) + len(unknown)} packages have no advisories where "
            f"pip looks ({some}, ...), so nothing is known of them; ask an index that has them\n"
        )
    else:
        sys.stdout.write(f"{len(known)} packages looked up, {len(holes)} known vulnerabilities\n")
    return 1 if holes else UNREACHABLE if unknown else 0


if __name__ == "__main__":
    sys.exit(audit())
