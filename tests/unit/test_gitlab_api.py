"""One token at one GitLab: how long it waits, how often it asks, and what it says of what went wrong."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pytest
import requests
from gitlab import Gitlab
from requests.adapters import BaseAdapter

from trimtab.adapters.gitlab.api import LARGEST_PUSH, LONGEST_WAIT, PAGE, Api, Rejected
from trimtab.adapters.gitlab.memory import Memory
from trimtab.adapters.gitlab.protocol import User
from trimtab.errors import Overloaded, Upstream

TOKEN = "glpat-secret"
Script = Sequence[tuple[int, bytes, Mapping[str, str]] | Exception]


class _Answers(BaseAdapter):
    """Gives one answer after the other and keeps what was asked."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script, self.asked = list(script), list[requests.PreparedRequest]()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.asked.append(request)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code, response.headers = answer[0], requests.structures.CaseInsensitiveDict(answer[2])
        response._content, response.request, response.url = answer[1], request, request.url or ""
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def close(self) -> None:
        """Nothing is open."""


def _api(*script: tuple[int, bytes, Mapping[str, str]] | Exception) -> tuple[Api, _Answers, list[float]]:
    answers, slept = _Answers(script), list[float]()
    session = requests.Session()
    session.mount("https://", answers)
    return Api(Gitlab("https://gitlab.test", private_token=TOKEN, session=session), "writer", slept.append), answers, slept


ME = (200, b'{"id": 7, "username": "bot"}', {"Content-Type": "application/json"})
BUSY = (429, b"Retry later", {"Retry-After": "3"})


def test_a_read_waits_as_told_and_asks_again() -> None:
    api, _, slept = _api(BUSY, ME)

    assert api.get(User, "/user").username == "bot"
    assert slept == [3.0]


@pytest.mark.parametrize("wait", ["3600", "21"])
def test_a_wait_that_a_function_does_not_have_is_named_instead(wait: str) -> None:
    api, answers, slept = _api((429, b"", {"Retry-After": wait}))

    with pytest.raises(Upstream, match=f"asked again in {wait} s"):
        api.get(User, "/user")

    assert (slept, len(answers.asked)) == ([], 1)


def test_all_waits_together_stay_within_the_limit() -> None:
    api, _, slept = _api((429, b"", {"Retry-After": "15"}))

    with pytest.raises(Upstream):
        api.get(User, "/user")

    assert sum(slept) <= LONGEST_WAIT


def test_an_answer_that_took_too_long_is_not_asked_for_again() -> None:
    api, answers, _ = _api(Overloaded("gitlab.test: no answer in time"))

    with pytest.raises(Overloaded):
        api.get(User, "/user")

    assert len(answers.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_write_is_sent_once_whatever_comes_back(status: int) -> None:
    api, answers, slept = _api((status, b"{}", {"Retry-After": "1"}))

    with pytest.raises(Upstream):
        api.send(User, "post", "/projects/1/notes", {"body": "x"})

    assert (len(answers.asked), slept) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
def test_no_error_shows_the_token(status: int) -> None:
    api, answers, _ = _api((status, f"we saw {TOKEN[:5]} \x1b[31m\u202e".encode(), {}))

    with pytest.raises((Upstream, Rejected)) as caught:
        api.send(User, "post", "/projects/1/notes", {"body": "x"})

    assert answers.asked[0].headers["PRIVATE-TOKEN"] == TOKEN
    assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"id": "x", "username": "bot"}', b'{"username": 3}', b"null"])
def test_an_answer_of_another_form_is_the_other_ends_failure(body: bytes) -> None:
    api, _, _ = _api((200, body, {"Content-Type": "application/json"}))

    with pytest.raises(Upstream):
        api.get(User, "/user")


def test_pages_end_where_one_is_not_full() -> None:
    full = b"[" + b",".join([ME[1]] * PAGE) + b"]"
    api, answers, _ = _api((200, full, {}), (200, b"[" + ME[1] + b"]", {}))

    assert len(api.every(User, "/users")) == PAGE + 1
    assert [str(each.url).rpartition("page=")[2] for each in answers.asked] == ["1", "2"]


def test_a_page_that_gitlab_took_something_out_of_is_not_the_last() -> None:
    """It takes out what the token may not see after it has counted."""
    one = b"[" + ME[1] + b"]"
    api, answers, _ = _api((200, one, {"X-Next-Page": "2"}), (200, one, {"X-Next-Page": ""}))

    assert len(api.every(User, "/events")) == 2
    assert len(answers.asked) == 2


def test_a_gitlab_below_a_path_is_asked_and_pushed_to_there() -> None:
    answers, session = _Answers([ME, (200, b"0000", {})]), requests.Session()
    session.mount("https://", answers)
    api = Api(Gitlab("https://host.test/gitlab", private_token=TOKEN, session=session, keep_base_url=True), "writer")

    api.get(User, "/user")
    api.push("acme/sub/gitops", b"0000", "application/x-git-receive-pack-request")

    assert [each.url for each in answers.asked] == [
        "https://host.test/gitlab/api/v4/user",
        "https://host.test/gitlab/acme/sub/gitops.git/git-receive-pack",
    ]


def test_an_answer_to_a_push_that_does_not_end_is_not_read_on() -> None:
    api, answers, _ = _api((200, b"0005\x02" * LARGEST_PUSH, {}))

    with pytest.raises(Upstream, match="more than"):
        api.push("acme/gitops", b"0000", "application/x-git-receive-pack-request")

    assert len(answers.asked) == 1


def test_what_another_thread_pushes_out_of_memory_is_read_again() -> None:
    class Leaky(dict[tuple[Hashable, ...], object]):
        """Says that it has a key and loses it before it is asked for."""

        def __contains__(self, key: object) -> bool:
            return super().__contains__(key) and self.pop(("blob", "a")) is not None

    key = ("blob", "a")
    memory = Memory(_lasting=Leaky({key: b"old"}))

    assert memory.for_good(key, lambda: b"new") in (b"old", b"new")


def test_what_was_read_before_a_write_is_never_remembered_after_it() -> None:
    """A read that another thread began before the write may end after it."""
    memory = Memory()

    def read() -> str:
        memory.forget()
        return "old"

    assert memory.for_now(("head",), read) == "old"
    assert memory.for_now(("head",), lambda: "new") == "new"
