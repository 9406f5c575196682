"""What the package says is in every language that it ships, with nothing lost on the way."""

import gettext
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Final, NamedTuple

import django
import pytest
import rest_framework

from tests import catalogues
from tests.plugin import leave_out

pytestmark = pytest.mark.only_on("sqlite")

LOCALE: Final = catalogues.PACKAGE / "locale"
TRANSLATED: Final = tuple(each for each in catalogues.LANGUAGES if each != catalogues.SOURCE)
OTHERS: Final = tuple(Path(each.__path__[0]) for each in (django, rest_framework))
# One that also opens or closes an attribute would break the page: templates do not escape our own.
STRAIGHT: Final = '"'


class Said(NamedTuple):
    context: str
    source: str
    words: str

    def __str__(self) -> str:
        return f"{self.context}: {self.source}" if self.context else self.source


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's sources and catalogues, elsewhere, after `make messages`."""
    if reason := catalogues.missing():
        leave_out(reason)
    package = tmp_path_factory.mktemp("messages") / "django_ciba"
    shutil.copytree(catalogues.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    catalogues.make(package)
    return package / "locale"


def entries(compiled: Path) -> dict[str | tuple[str, int], str]:
    """What a compiled catalogue holds; of a plural, one entry a form."""
    with compiled.open("rb") as file:
        found = dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]
    found.pop("", None)  # the header
    return found


def said(language: str) -> Iterator[Said]:
    for key, words in entries(LOCALE / language / "LC_MESSAGES" / "django.mo").items():
        context, _, source = (key if isinstance(key, str) else key[0]).rpartition("\4")
        yield Said(context, source, words)


def asked_for(catalogue: Path, tmp_path: Path) -> set[str | tuple[str, int]]:
    """Every string that the catalogue asks to be translated, translated or not."""
    command = ["msgen", "--lang=en", str(catalogue)]
    whole = subprocess.run(command, check=True, capture_output=True).stdout
    compiled = tmp_path / "every.mo"
    command = ["msgfmt", "-o", str(compiled), "-"]
    subprocess.run(command, input=whole, check=True, capture_output=True)
    return set(entries(compiled))


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[a-z]|%%|%", text))


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]*>", text))


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_every_string_of_the_sources_is_in_each_catalogue_and_none_that_is_gone(
    made_anew: Path, language: str, tmp_path: Path
) -> None:
    """`make messages` mends it. Lines are not compared: each gettext breaks them in its own way."""
    ours = LOCALE / language / catalogues.CATALOGUE
    fresh = asked_for(made_anew / language / catalogues.CATALOGUE, tmp_path)
    assert asked_for(ours, tmp_path) == fresh
    assert len(fresh) > 250
    assert "#~" not in ours.read_text("utf-8")
    assert "Creation-Date" not in ours.read_text("utf-8")


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_the_compiled_catalogue_is_of_the_one_beside_it(made_anew: Path, language: str) -> None:
    there = made_anew / language / "LC_MESSAGES" / "django.mo"
    assert entries(LOCALE / language / "LC_MESSAGES" / "django.mo") == entries(there)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_string_is_translated_and_none_by_a_guess(
    made_anew: Path, language: str, tmp_path: Path
) -> None:
    """A compiled catalogue holds nothing that is untranslated or marked as fuzzy."""
    translated = set(entries(LOCALE / language / "LC_MESSAGES" / "django.mo"))
    assert asked_for(made_anew / language / catalogues.CATALOGUE, tmp_path) == translated


def test_the_english_catalogue_translates_nothing() -> None:
    """What the sources say is English, and is said as it stands there."""
    assert list(said(catalogues.SOURCE)) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_every_placeholder_and_tag(language: str) -> None:
    lost = [
        str(each)
        for each in said(language)
        if placeholders(each.source) != placeholders(each.words)
        or tags(each.source) != tags(each.words)
    ]
    assert lost == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_cannot_break_out_of_an_attribute(language: str) -> None:
    found = [
        str(each)
        for each in said(language)
        if re.search(f"[{STRAIGHT}&]", re.sub(r"<[^>]*>", "", each.words))
        or each.words != each.words.strip()
    ]
    assert found == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_ends_as_its_source_does(language: str) -> None:
    """A full stop that is lost makes a sentence a heading; a colon leads on to what follows it."""
    found = [
        str(each)
        for each in said(language)
        if (each.source[-1] in ".:?") != (each.words[-1] in ".:?")
        or (each.source[-1] == ":") != (each.words[-1] == ":")
    ]
    assert found == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_plural_has_every_form_that_django_counts_by(language: str) -> None:
    catalogue = LOCALE / language / "LC_MESSAGES" / "django.mo"
    forms: dict[str, set[int]] = {}
    for key in entries(catalogue):
        if isinstance(key, tuple):
            forms.setdefault(key[0], set()).add(key[1])
    assert forms
    assert set(map(frozenset, forms.values())) == {frozenset({0, 1})}
    theirs = Path(django.__file__).parent / "conf" / "locale" / language / "LC_MESSAGES/django.mo"
    with catalogue.open("rb") as one, theirs.open("rb") as other:
        ours, djangos = gettext.GNUTranslations(one), gettext.GNUTranslations(other)
    for number in range(200):
        assert ours.plural(number) == djangos.plural(number)  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_string_of_ours_is_one_of_django_or_rest_framework_too(language: str) -> None:
    """All catalogues of a site are one, and which app wins is by order: a context keeps ours apart.

    The admin's "History" is another word in German than ours.
    """
    ours = set(entries(LOCALE / language / "LC_MESSAGES" / "django.mo"))
    theirs = {
        key
        for package in OTHERS
        for catalogue in package.rglob(f"locale/{language}/LC_MESSAGES/django.mo")
        for key in entries(catalogue)
    }
    assert len(theirs) > 300
    assert ours & theirs == set()


def test_a_single_word_says_where_it_stands() -> None:
    """It means too much, for a translator and beside the words of a site."""
    words = [
        each.source for each in said("de") if not each.context and " " not in each.source.strip()
    ]
    assert words == []


def test_only_named_placeholders_are_used() -> None:
    """Other languages have another order."""
    for each in said("de"):
        assert not list(re.findall(r"%[sd]", each.source)), each
        assert [name for _, name, _, _ in Formatter().parse(each.source) if name is not None] == []
