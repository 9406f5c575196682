"""Answer an authentication request in its user's place."""

import logging
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from django_ciba.journeys import VOUCHED, NotAnswerable, answer
from django_ciba.management.arguments import name, names_may_begin_with_a_dash
from django_ciba.management.command import OperatorCommand
from django_ciba.models import AuthenticationRequest, secrets

logger = logging.getLogger("django_ciba.management")

VERDICTS = {
    "approve": AuthenticationRequest.Answer.APPROVED,
    "deny": AuthenticationRequest.Answer.DENIED,
}
REASONS = {
    "answered": "it has been answered already",
    "expired": "its time, or that of the prompt, has run out",
    "ended": "it has ended",
    "not_prompted": (
        "its user is not asked here: its journey has sent no prompt, or a passcode for its client"
    ),
    "user_locked": "its user may not sign in (inactive or locked)",
}


class Command(OperatorCommand):
    help = (
        "Answer an authentication request in its user's place: for tests, and for an operator who "
        "has the user on the telephone. Prints what became of the request; exit code 1 when the "
        "answer did not count."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names_may_begin_with_a_dash(parser)
        parser.add_argument(
            "auth_req_id", metavar="AUTH_REQ_ID", type=name, help="as the relying party got it"
        )
        parser.add_argument("verdict", choices=VERDICTS)

    def handle(self, *args: Any, **options: Any) -> None:
        found = (
            AuthenticationRequest.objects.select_related("client", "user")
            .filter(auth_req_id_digest=secrets.digest(options["auth_req_id"]))
            .first()
        )
        if found is None:
            raise CommandError(
                "there is no authentication request of that auth_req_id: it is another site's, "
                "or was deleted after its retention"
            )
        named = f"request {found.public_id} of client {found.client.client_id}"
        if found.user is None:
            raise CommandError(f"{named}: its hint named nobody, so nobody can answer it")
        now = timezone.now()
        verdict = VERDICTS[options["verdict"]]
        try:
            # amr is empty: nobody was authenticated by a method that could be named.
            after = answer(found, verdict, now=now, authenticated_at=now, amr=[], evidence=VOUCHED)
        except NotAnswerable as refusal:
            why = REASONS.get(refusal.reason, refusal.reason)
            raise CommandError(f"{named} cannot be answered: {why}") from None
        logger.warning("%s was answered by ciba_answer: %s", named, verdict.value)
        self.stdout.write(f"{named}, user {found.user}: {verdict.value}; it is {after.status} now")
