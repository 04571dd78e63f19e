"""What is in the folder against what is on the server."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgpt_client.knowledge import Plan, Step
from fastgpt_client.knowledge.plan import iter_steps, make_plan
from fastgpt_client.knowledge.run import all_steps
from fastgpt_client.knowledge.scan import Entry
from fastgpt_client.knowledge.state import Attempt, State, StateError

PATHS = st.sampled_from(
    [f"{folder}{name}{ending}" for folder in ("", "a/", "b/") for name in "xyz" for ending in (".md", ".txt")]
)
FOLDERS = st.dictionaries(PATHS, st.sampled_from("123"))


def filled(before: dict[str, str], now: dict[str, str], settings: str = "") -> State:
    state = State(":memory:")
    state.choose("server", "base", "docs")
    for path, content in before.items():
        state.add_file(Entry(path=path, hash=content), "", f"id of {path}")
    state.add_scanned([Entry(path=path, hash=content) for path, content in now.items()], settings)
    return state


@given(FOLDERS, FOLDERS, st.booleans())
def test_the_plan_makes_one_of_the_other(before: dict[str, str], now: dict[str, str], delete: bool) -> None:
    with filled(before, now) as state:
        plan = make_plan(state, delete=delete)
        steps = list(all_steps(state))
        result = dict(before)
        for step in steps:
            if step.verb == "rename":
                assert step.origin is not None
                assert step.path not in before
                assert step.origin not in now
                assert Path(step.origin).suffix == Path(step.path).suffix
                content = result.pop(step.origin)
                assert content == now[step.path]
                result[step.path] = content
        for step in steps:
            match step.verb:
                case "add":
                    assert step.path not in result
                    result[step.path] = now[step.path]
                case "change":
                    assert result[step.path] != now[step.path]
                    result[step.path] = now[step.path]
                case "remove":
                    del result[step.path]
                case _:
                    pass
        assert {path: result[path] for path in now} == now
        assert delete == (result == now) or result.keys() == now.keys()
        assert [step.path for step in steps] == sorted(step.path for step in steps)
        # All that could be moved is: no file is sent while one of the same content goes.
        sent = [(now[step.path], Path(step.path).suffix) for step in steps if step.verb == "add"]
        gone = [(before[step.path], Path(step.path).suffix) for step in steps if step.verb == "remove"]
        assert not set(sent) & set(gone)
        counts = [plan.add, plan.change, plan.rename, plan.remove]
        assert counts == [sum(step.verb == verb for step in steps) for verb in ("add", "change", "rename", "remove")]
        assert plan.same == sum(before.get(path) == content for path, content in now.items())
        assert plan.empty == (not steps)


def test_other_settings_change_everything() -> None:
    with filled({"a.md": "1"}, {"a.md": "1"}, settings="other") as state:
        assert make_plan(state) == Plan(change=1)


def test_a_part_of_a_folder_removes_and_moves_nothing() -> None:
    with filled({"a.md": "1", "c.md": "2"}, {"b.md": "1"}) as state:
        assert make_plan(state, whole=False) == Plan(add=1)
        assert make_plan(state) == Plan(rename=1, remove=1)
        state.fail("c.md", "no")
        assert make_plan(state, failed_only=True) == Plan(remove=1, same=1)


def test_many_steps_are_given_page_by_page() -> None:
    paths = {f"{number:05}.md": str(number) for number in range(1201)}
    with filled({}, paths) as state:
        make_plan(state)
        assert [step.path for step in iter_steps(state, "add")] == list(paths)


def test_how_it_reads() -> None:
    assert str(Plan(add=12, change=3, remove=1, rename=2, same=840)) == "+ 12  ~ 3  - 1  → 2 renamed  = 840"
    assert str(Step("rename", "b", "a")) == "→ a → b"
    assert str(Step("remove", "b")) == "- b"


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with State(tmp_path / "state.db"), pytest.raises(StateError, match="another run is at work"):
        State(tmp_path / "state.db")
    State(tmp_path / "state.db").close()


def test_a_state_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("no database, and long enough to be looked at " * 30)
    with pytest.raises(StateError, match="cannot be used"):
        State(tmp_path / "bad.db")
    with pytest.raises(StateError, match="is its folder there"):
        State(tmp_path / "nowhere" / "state.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StateError, match="another version"):
        State(tmp_path / "other.db")


def test_what_is_replaced_twice_is_removed_after_the_last(tmp_path: Path) -> None:
    with State(tmp_path / "state.db") as state:
        state.choose("server", "base", "docs")
        for number in range(3):
            attempt = Attempt(token=str(number), path="a.md", kind="file", parent=None, hash=str(number))
            state.begin(attempt)
            state.settle(attempt, f"id {number}")
        assert state.attempts(open_only=False) == []
        left = state.leftovers(waiting=True)
        assert [(each.collection, each.successor) for each in left] == [("id 0", "id 2"), ("id 1", "id 2")]
        state.leave("a.md")
        assert [each.collection for each in state.leftovers(waiting=False)] == ["id 0", "id 1", "id 2"]
        assert state.leftovers(waiting=True) == []
