"""The question that the maps of a photo answer, in words."""

from __future__ import annotations

from dataclasses import replace

from explorer.tabs.predict.stage import NOBODY, head_of
from explorer.work.subject import subject_of
from tests.support.on_page import ASKED, CAT, DOG, SETTINGS, TABBY


def test_the_question_names_one_class_or_two() -> None:
    subject = subject_of(SETTINGS, TABBY, ASKED)
    assert head_of(subject, ASKED, NOBODY) == "Why <b>cat</b>? Orange raises its score, blue lowers it."
    assert head_of(subject, replace(ASKED, target=DOG), CAT) == "Why <b>dog</b> and not <b>cat</b>? Orange speaks for dog, blue for cat."


def test_names_of_classes_are_text() -> None:
    subject = subject_of(SETTINGS, TABBY, ASKED)
    stranger = type("Stranger", (), {"labels": ("<b>", "&", *subject.labels[2:])})()
    assert head_of(stranger, replace(ASKED, target=0), 1).startswith("Why <b>&lt;b&gt;</b> and not <b>&amp;</b>?")
