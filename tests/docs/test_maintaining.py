"""The pages for maintainers name places of the code and files of the repository: all of them exist."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import yaml
from named_places import ROOT, found, named, paths

DOCS = ROOT / "docs"
FILES = [*(DOCS / "maintaining").glob("*.md"), *(DOCS / "decisions").glob("*.md"), DOCS / "development.md"]
PAGES = {str(path.relative_to(DOCS)): path.read_text("utf-8") for path in sorted(FILES)}
GLOSSARY = PAGES["maintaining/glossary.md"]
WORDS = re.findall(r"^\| (?!word)([^|-][^|]*) \| ([^|]+) \| ([^|]+) \|$", GLOSSARY, re.MULTILINE)


def _is_there(place: str) -> bool:
    try:
        found(place)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("page", PAGES)
def test_every_place_that_a_page_names_exists(page: str) -> None:
    assert [place for place in named(PAGES[page]) if not _is_there(place)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    assert [path for path in paths(PAGES[page]) if not path.exists()] == []


def test_the_glossary_says_of_every_word_where_it_lives() -> None:
    assert len(WORDS) > 50
    assert [word for word, _, place in WORDS if not named(place)] == []


def test_the_glossary_has_every_word_once() -> None:
    assert [word for word, number in Counter(word.casefold() for word, _, _ in WORDS).items() if number > 1] == []


DECISIONS = {page.partition("/")[2]: text for page, text in PAGES.items() if page.startswith("decisions/")}
INDEX = DECISIONS.pop("index.md")


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decision_says_why_what_follows_and_what_was_tried(page: str) -> None:
    headings = re.findall(r"^## (.+)$", DECISIONS[page], re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Tried or considered"]


def test_the_index_has_every_decision_under_its_name() -> None:
    titles = {page: text.partition("\n")[0].removeprefix("# ") for page, text in DECISIONS.items()}
    assert {page: title for title, page in re.findall(r"^\| \[(.+?)\]\((.+?)\)", INDEX, re.MULTILINE)} == titles


def test_every_page_for_maintainers_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("nav:")[2].partition("markdown_extensions:")[0]
    assert [page for page in PAGES if f"- {page}\n" not in navigation] == []


# --- taking part ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_link_from_the_root_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_hooks_before_a_commit_fetch_nothing() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert {repo["repo"] for repo in repos} == {"local"}
    assert {hook["language"] for repo in repos for hook in repo["hooks"]} == {"system"}


def test_the_forms_for_issues_ask_for_something() -> None:
    forms = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github").rglob("*.yml")}
    asking = {name: [item for item in form["body"] if "id" in item] for name, form in forms.items() if "body" in form}
    assert {name for name, items in asking.items() if items} == {"bug.yml", "idea.yml"}


# --- pictures -------------------------------------------------------------------------------------------------------


def test_pictures_are_small_and_each_is_shown_somewhere() -> None:
    shown = "\n".join(path.read_text("utf-8") for path in [ROOT / "README.md", *DOCS.rglob("*.md")])
    pictures = [path for path in (DOCS / "assets").iterdir() if path.suffix in {".webp", ".svg", ".png"}]
    assert len(pictures) > 8
    assert [path.name for path in pictures if path.stat().st_size >= 100_000] == []
    assert [path.name for path in pictures if f"assets/{path.name}" not in shown] == []
