"""Whatever happens at whichever step, nothing is torn, what is told is true, and the next run converges.

Every step is disturbed, none is skipped: the quick ones here in `make test`, all of them in
`make test-heavy`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product

import pytest

from tests.conftest import ROOT
from tests.faults import steps
from tests.faults.campaign import FAULTS
from tests.faults.cases import CASES

pytestmark = pytest.mark.skipif(
    not steps.available(), reason="this system cannot hand over system calls (seccomp)"
)

QUICK = {
    ("apply", "kill"): 100,
    ("install", "kill"): 40,
    ("install", "interrupt"): 40,
    ("install", "disk-full"): 60,
    ("snapshot", "kill"): 30,
    ("snapshot", "disk-full"): 40,
    ("local-init", "kill"): 30,
}
"""Which are quick, and how many steps they have at least: fewer would mean that they are not seen."""
APPLYING = ("apply", "large-apply")
HEAVY = [
    pair
    for pair in product(CASES, FAULTS)
    if pair not in QUICK and (FAULTS[pair[1]].alone or pair[0] in APPLYING)
]


def disturbed(case: str, fault: str) -> int:
    """Disturb a command at each of its steps; fail with what is wrong, or return how many there are."""
    command = [sys.executable, "-m", "tests.faults.campaign", case, fault]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), f"{ran.stdout}\n{ran.stderr}"
    number = re.fullmatch(r"(\d+) steps\n", ran.stdout)
    assert number is not None, ran.stdout
    return int(number[1])


@pytest.mark.parametrize(("case", "fault"), QUICK)
def test_every_step(case: str, fault: str) -> None:
    """At each step of a command the fault leaves nothing that the next run does not mend."""
    assert disturbed(case, fault) >= QUICK[case, fault]


@pytest.mark.heavy
@pytest.mark.parametrize(("case", "fault"), HEAVY)
def test_every_step_of_the_others(case: str, fault: str) -> None:
    """The same for larger commands, and for every fault."""
    assert disturbed(case, fault) >= 20
