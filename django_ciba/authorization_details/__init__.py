"""Rich authorization requests (RFC 9396): what a client asks for, beyond scopes, in JSON.

`requested_details` reads the parameter, `the_object_conforms` holds one object to its type,
`presented` puts one before a person, and `details_type_problems` looks at a type before it is
saved.
"""

from .details_types import (
    details_type_problems,
    is_usable,
    the_object_conforms,
)
from .presented import Presented, presented
from .reading import PARAMETER, requested_details

__all__ = [
    "PARAMETER",
    "Presented",
    "details_type_problems",
    "is_usable",
    "presented",
    "requested_details",
    "the_object_conforms",
]
