"""Questions about access, asked of one world or of two: who may do what, why, and what would change it."""

from __future__ import annotations

from provisioner.rbac.inquiry._base import Question, Scene, identity_in, narrowed
from provisioner.rbac.inquiry._session import Session
from provisioner.rbac.inquiry.cells import Cell, cells
from provisioner.rbac.inquiry.explain import Explanation, Opinion, explain, explain_each

__all__ = [
    "Cell",
    "Explanation",
    "Opinion",
    "Question",
    "Scene",
    "Session",
    "cells",
    "explain",
    "explain_each",
    "identity_in",
    "narrowed",
]
