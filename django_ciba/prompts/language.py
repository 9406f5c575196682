"""In which language a prompt is written."""

from django.utils import translation


def language_of(ui_locales: str) -> str:
    """OpenID Connect Core §3.1.2.1 ui_locales: the first that the site speaks, else its own."""
    for tag in ui_locales.split():
        try:
            return translation.get_supported_language_variant(tag.lower())
        except LookupError:
            continue
    return translation.get_language() or "en"
