"""The tags and filters that a template of a type of authorization details may use.

Django's own, without those that load, include, leave the page, know of the request, let values
through unescaped, or make links of them.
"""

from typing import Final

from django.template import Library, defaultfilters, defaulttags

TAGS: Final = ("comment", "firstof", "for", "if", "ifchanged", "verbatim", "with")
FILTERS: Final = (
    "add",
    "capfirst",
    "cut",
    "default",
    "default_if_none",
    "first",
    "floatformat",
    "join",
    "last",
    "length",
    "lower",
    "pluralize",
    "slice",
    "title",
    "truncatechars",
    "truncatewords",
    "upper",
    "wordcount",
    "yesno",
)

register = Library()
register.tags = {name: defaulttags.register.tags[name] for name in TAGS}
register.filters = {name: defaultfilters.register.filters[name] for name in FILTERS}
