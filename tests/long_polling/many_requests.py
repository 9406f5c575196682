"""`python -m tests.long_polling.many_requests AUTH_REQ_ID NUMBER`, in the environment of a site.

Stores that many pending requests like the one of that name, and prints their auth_req_ids.
"""

import sys
import uuid


def main(auth_req_id: str, number: int) -> None:
    import django

    django.setup()
    from django_ciba.models import AuthenticationRequest, secrets
    from tests.provider import find

    fields = [each.attname for each in AuthenticationRequest._meta.concrete_fields]
    like = find(auth_req_id)
    values = {name: getattr(like, name) for name in fields if name != "id"}
    names = [secrets.new_secret() for _ in range(number)]
    AuthenticationRequest.objects.bulk_create(
        (
            AuthenticationRequest(
                **{
                    **values,
                    "public_id": uuid.uuid4(),
                    "auth_req_id_digest": secrets.digest(name),
                    "likeness": "",  # an answer to one is no answer to the others
                }
            )
            for name in names
        ),
        batch_size=500,
    )
    print("\n".join(names))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
