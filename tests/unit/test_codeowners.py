"""Who owns a path by CODEOWNERS, as each forge's documentation has it."""

import pytest

from trimtab.policy.codeowners import Dialect, needs_owner, owners_of

GITHUB = b"""\
# Everything
*       @global-one @global-two
*.js    @js-owner #an inline comment
/build/logs/ @doctocat
docs/*  docs@example.com @docs-owner
apps/ @octocat
/scripts/ @doctocat @octo-org/codeowners
**/logs @logger
/apps/github
/clusters/prod/** @octo-org/prod
!/clusters/prod/x.yaml
"""
GITLAB = b"""\
* @admin
!pom.xml
[README Owners]
README.md @user1 @user2
internal/README.md @user4
^[Docs][2] @docs-default @group/with-nested/subgroup
docs/
/docs/* @root-docs
[Ruby]
*.rb @ruby
!/config/*.rb
[readme owners]
/legal/ legal@example.com @@maintainer
path\\ with\\ spaces/ @space-owner
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("readme.md", ("global-one", "global-two")),
        ("src/a.js", ("js-owner",)),
        ("build/logs/2026/a.txt", ("logger",)),
        ("build/logs/a", ("logger",)),
        ("docs/a.md", ("docs-owner",)),
        ("docs/deep/a.md", ("global-one", "global-two")),
        ("any/apps/x", ("octocat",)),
        ("scripts/x.sh", ("doctocat", "@octo-org/codeowners")),
        ("apps/github/x", ()),
        ("clusters/prod/x.yaml", ("@octo-org/prod",)),
    ],
)
def test_on_github_the_last_line_that_matches_wins(path: str, expected: tuple[str, ...]) -> None:
    assert owners_of(GITHUB, path, "github") == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("main.go", ("admin",)),
        ("pom.xml", ()),
        ("README.md", ("admin", "user1", "user2")),
        ("internal/README.md", ("admin", "user4")),
        ("docs/a.md", ("admin", "root-docs")),
        ("docs/deep/a.md", ("admin", "docs-default", "@group/with-nested/subgroup")),
        ("lib/a.rb", ("admin", "ruby")),
        ("config/a.rb", ("admin",)),
        ("legal/a.txt", ("admin",)),
        ("path with spaces/a", ("admin", "space-owner")),
    ],
)
def test_on_gitlab_every_section_has_a_last_line_of_its_own(path: str, expected: tuple[str, ...]) -> None:
    assert owners_of(GITLAB, path, "gitlab") == expected


@pytest.mark.parametrize("dialect", ["github", "gitlab"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[\n[]\n]",
        b"\\",
        b"* ",
        b"/ @a",
        b"@",
        b"x" * (4 << 20),
        b"*" * 500 + b" @a",
        b"*e" * 500 + b"z @a",
        b"*" * (1 << 21) + b" @a",
        b"*" + b"[" * (1 << 21) + b" @a",
    ],
)
def test_a_file_that_makes_no_sense_names_nobody_and_takes_no_time(content: bytes, dialect: Dialect) -> None:
    assert owners_of(content, "clusters/dev/dev-east.yaml", dialect) in {(), ("a",)}


def test_a_sections_name_is_the_same_in_any_case() -> None:
    assert owners_of(b"[A] @one\n*\n[a]\n* @two\n", "x", "gitlab") == ("two",)


@pytest.mark.parametrize(
    ("path", "dialect", "needs"),
    [
        ("clusters/prod/x.yaml", "github", True),
        ("apps/github", "github", False),
        ("docs/guide.md", "github", True),
        ("pom.xml", "gitlab", False),
        ("legal/x.md", "gitlab", True),
        ("README.md", "gitlab", True),
    ],
)
def test_a_review_can_be_demanded_of_whoever_owns_a_path(path: str, dialect: Dialect, *, needs: bool) -> None:
    assert needs_owner(GITHUB if dialect == "github" else GITLAB, path, dialect) is needs


def test_an_address_is_an_owner_and_an_optional_section_demands_nothing() -> None:
    assert needs_owner(b"/docs/ docs@example.com", "docs/a.md", "gitlab")
    assert needs_owner(b"/docs/ @@maintainer", "docs/a.md", "gitlab")
    assert not needs_owner(b"^[Docs] @acme/docs\n/docs/", "docs/a.md", "gitlab")
    assert owners_of(b"^[Docs] @acme/docs\n/docs/", "docs/a.md", "gitlab") == ("@acme/docs",)


@pytest.mark.parametrize("content", [b"^[Docs] @acme/docs\n/docs/\n[docs]\n*.rb @ruby", b"[Docs]\n/docs/ @acme/docs\n^[DOCS]\n*.rb @ruby"])
def test_a_section_that_is_there_twice_demands_its_review_where_one_of_them_does(content: bytes) -> None:
    assert needs_owner(content, "docs/a.md", "gitlab")


def test_a_heading_ends_the_section_before_it_whatever_stands_right_behind() -> None:
    assert needs_owner(b"^[Docs] @acme/docs\n/docs/\n[Clusters]@ops\n*.yaml @ops", "clusters/dev.yaml", "gitlab")


@pytest.mark.parametrize(
    ("pattern", "dialect", "owns"),
    [
        ("/clusters/[de]ev.yaml", "gitlab", True),
        ("/clusters/[a-f]*.yaml", "gitlab", True),
        ("/clusters/[!d]ev.yaml", "gitlab", False),
        ("/clusters/[^a-c]ev.yaml", "gitlab", True),
        ("/clusters/[x-z]ev.yaml", "gitlab", False),
        (r"/clusters/\[d]ev.yaml", "gitlab", False),
        (r"/clusters/\d\e\v.yaml", "gitlab", True),
        ("/clusters/[dev.yaml", "gitlab", False),
        ("/clusters/[de]ev.yaml", "github", False),
    ],
)
def test_a_set_of_letters_stands_for_one_of_them_on_gitlab_alone(pattern: str, dialect: Dialect, *, owns: bool) -> None:
    assert needs_owner(f"{pattern} @ops".encode(), "clusters/dev.yaml", dialect) is owns


def test_a_bracket_is_a_bracket_on_github() -> None:
    assert needs_owner(b"/a/[d]ev.yaml @ops", "a/[d]ev.yaml", "github")
