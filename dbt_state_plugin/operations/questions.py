"""Questions of earlier builds, asked again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def answered_today(session: Session, questions: Collection[Question], key: bytes) -> Mapping[Question, Question]:
    """Return each question as it is answered today, with the hash of the answer or why there is none.

    `key` is the installation's. Raises StateError.
    """
    digest = keyed_digest(key)
    answered = session.warehouse.ask(questions, **session_of_dbt(session))
    return {
        question: replace(now, answer=digest(now.answer) if now.answer else "") for question, now in answered.items()
    }


def are_answered_alike(session: Session, questions: Collection[Question], key: bytes) -> bool:
    """Return whether each question has an answer today, and the one that is recorded; raises StateError."""
    if not questions:
        return True
    answered = answered_today(session, questions, key)
    return all(answered.get(question) == question for question in questions)
