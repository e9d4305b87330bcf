"""Several changes of one file as one edit: each planned on what the ones before it leave."""

import pytest

from tests.flow.group_world import FILE, declared
from tests.judgement import governance
from trimtab.changes import Step, git_blob, plan_edit, plan_edits
from trimtab.errors import Refused
from trimtab.records import FieldChange, Place

(LAYOUT,) = governance().layouts
FILES = {FILE: declared({"batch": 6, "ml": 6})}


def step(name: str, old: str = "6", new: str = "5", path: str = FILE) -> Step:
    return Place(repo="gitops", path=path, cluster="dev-east", pool=name), LAYOUT, (FieldChange(field="count", old=old, new=new),)


def test_both_values_change_and_nothing_else() -> None:
    edit = plan_edits(FILES, [step("batch"), step("ml", new="4")])

    assert edit.content == declared({"batch": 5, "ml": 4})
    assert (edit.base_blob, edit.new_blob) == (git_blob(FILES[FILE]), git_blob(edit.content))
    assert edit.changes == (("node_groups[batch].count", "6", "5"), ("node_groups[ml].count", "6", "4"))
    assert (edit.diff.count("\n-    "), edit.diff.count("\n+    ")) == (2, 2)


def test_one_change_is_the_edit_that_it_is_alone() -> None:
    assert plan_edits(FILES, [step("batch")]) == plan_edit(FILES, *step("batch"))


def test_a_value_is_changed_once() -> None:
    """The second finds what the first has left, which is not what it was measured for."""
    with pytest.raises(Refused):
        plan_edits(FILES, [step("batch"), step("batch")])


def test_a_second_file_is_refused_by_name() -> None:
    other = "clusters/dev/other.yaml"

    with pytest.raises(Refused, match=r"other\.yaml"):
        plan_edits({**FILES, other: declared({"web": 6})}, [step("batch"), step("web", path=other)])
