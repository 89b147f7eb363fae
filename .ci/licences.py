"""Write docs/licences.md: the licence of every package of requirements.lock, as the packages themselves tell it.

python .ci/licences.py > docs/licences.md
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = """# Licences

Of every package in `requirements.lock`, as its own metadata tells it, written by `python .ci/licences.py > docs/licences.md` in an environment that has
them. The project itself is MIT. Nothing here is part of it: `pip` installs each package from where it is published.

**Copyleft** marks those whose licence asks something of who passes them on, changed or not: nothing of who only runs them. All of them are used as they are.
"""
# Names of licences that are one, in the spelling of https://spdx.org/licenses/.
SPELLINGS = {
    "Apache-2.0": (
        "apache software license",
        "apache license 2.0",
        "apache 2.0",
        "apache license, version 2.0",
        "apache",
        "apache-2",
    ),
    "BSD-3-Clause": (
        "bsd license",
        "bsd",
        "3-clause bsd license",
        "bsd 3-clause license",
        "new bsd",
        "modified bsd license",
        "bsd 3-clause",
    ),
    "MIT": ("mit license", "the mit license", "the mit license (mit)", "expat license"),
    "PSF-2.0": ("python software foundation license", "psf", "psf-2.0", "python license"),
    "MPL-2.0": ("mozilla public license 2.0 (mpl 2.0)", "mpl 2.0"),
    "ISC": ("isc license (iscl)", "isc license"),
}
COPYLEFT = re.compile(r"\b(A?GPL|LGPL|MPL|EPL|EUPL|CDDL|OSL|GNU|copyleft)\b", re.IGNORECASE)
UNKNOWN = "not told by the package"
ELSEWHERE = "only on other systems or Pythons than the one that wrote this page"


def list_locked(lock: str) -> dict[str, str]:
    """Return the version of each package of a lock by its name."""
    return dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", lock))


def find_licence(name: str) -> str:
    """Return what an installed package says of its licence: the expression, else its classifiers, else its text's first line."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ELSEWHERE
    if expression := told.get("License-Expression"):
        return expression
    classifiers = [line.rpartition("::")[2].strip() for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    named = [line for line in classifiers if line not in ("OSI Approved", "DFSG approved")] or (
        told.get("License") or ""
    ).strip().splitlines()[:1]
    named = named or _read_first_line(name)
    return " or ".join(sorted({_spell(one) for one in named})) or UNKNOWN


def write_page(lock: str) -> str:
    """Return the page: a heading for each licence, those that a person must look at first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, version in sorted(list_locked(lock).items()):
        groups[find_licence(name)].append(f"{name} {version}")
    ranked = sorted(
        groups, key=lambda licence: (licence == ELSEWHERE, not _must_be_looked_at(licence), -len(groups[licence]), licence)
    )
    count = sum(map(len, groups.values()))
    told = [f"{count} packages, {len(groups.keys() - {ELSEWHERE})} licences.\n"]
    for licence in ranked:
        mark = " — **copyleft**" if COPYLEFT.search(licence) else " — **unknown**" if licence == UNKNOWN else ""
        told.append(f"## {licence}{mark}\n\n{', '.join(groups[licence])}\n")
    return "\n".join([HEAD, *told])


def _read_first_line(name: str) -> list[str]:
    files = [path for path in metadata.files(name) or () if path.stem.upper() in ("LICENSE", "LICENCE", "COPYING")]
    lines = [line.strip() for path in files[:1] for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line][:1]


def _must_be_looked_at(licence: str) -> bool:
    return licence == UNKNOWN or bool(COPYLEFT.search(licence))


def _spell(licence: str) -> str:
    folded = licence.strip().casefold()
    return next((spdx for spdx, names in SPELLINGS.items() if folded in names), licence.strip()[:60])


if __name__ == "__main__":
    sys.stdout.write(write_page((ROOT / "requirements.lock").read_text(encoding="utf-8")))
