"""Small real tables, one loader each, for examples, guides and tests."""

from .continuous import load_dyestuff as load_dyestuff
from .continuous import load_orthodont as load_orthodont
from .continuous import load_pastes as load_pastes
from .continuous import load_pbc as load_pbc
from .continuous import load_penicillin as load_penicillin
from .continuous import load_radon as load_radon
from .continuous import load_sleepstudy as load_sleepstudy
from .counts import load_cbpp as load_cbpp
from .counts import load_grouseticks as load_grouseticks
from .counts import load_verbagg as load_verbagg

__all__ = [
    "load_cbpp",
    "load_dyestuff",
    "load_grouseticks",
    "load_orthodont",
    "load_pastes",
    "load_pbc",
    "load_penicillin",
    "load_radon",
    "load_sleepstudy",
    "load_verbagg",
]
