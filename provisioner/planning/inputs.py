"""What a plan is made from besides the cluster, as hashes: who approved it approved these."""

from __future__ import annotations

from provisioner.change import Inputs
from provisioner.templating.templates import Templates
from provisioner.text.source import Document
from provisioner.tools.lock import Lock
from provisioner.values import sha256


def inputs(document: Document, templates: Templates, lock: Lock) -> Inputs:
    """Return the hashes of a site, of the templates it is rendered with, and of its pinned tools.

    What they say counts, not how: comments, order and quotes can change under an approved plan.
    """
    return Inputs(
        site=sha256(document.value),
        templates=sha256(templates.texts),
        lock=sha256(lock.document.value) if lock.document else None,
    )
