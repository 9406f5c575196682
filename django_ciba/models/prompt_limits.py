"""How often one user may be asked (design §8): counted in the database as a request goes in.

Whoever can start a request can make a telephone ring. Counted before the insert, or in a cache, the
limits would give way to many requests at once, which is how an attack comes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django_ciba.conf import CibaSettings
from django_ciba.models.one_statement import Guard


class Limit(StrEnum):
    """Which limit kept a request from its user; for the audit, never for the client."""

    MUTED = "muted"
    COOL_DOWN = "cool_down"
    OPEN_PROMPTS_PER_CLIENT = "open_prompts_per_client"
    OPEN_PROMPTS_PER_USER = "open_prompts_per_user"
    PROMPTS_PER_USER = "prompts_per_user"


# One read of one index: what waits, what was asked and what was denied lately have all expired
# lately, or not yet. Likes that were denied by one tap are one denial: they share its moment. A
# request with wrong numbers or passcodes is as one denial, until its user has it right: whoever
# asks in order to guess must not do so for nothing. A request is open while its journey stands
# somewhere and has no answer; one that failed for a client that must not learn it is pending until
# it expires, but stands nowhere.
_REACHED: Final = f"""
SELECT CASE
  WHEN EXISTS (
    SELECT 1 FROM django_ciba_mutedclient muted
    WHERE muted.user_id = %s AND muted.client_id = %s
      AND (muted.until IS NULL OR muted.until > %s)
  ) THEN '{Limit.MUTED}'
  WHEN asked.denials >= %s THEN '{Limit.COOL_DOWN}'
  WHEN asked.open_of_client >= %s THEN '{Limit.OPEN_PROMPTS_PER_CLIENT}'
  WHEN asked.open_of_user >= %s THEN '{Limit.OPEN_PROMPTS_PER_USER}'
  WHEN asked.lately >= %s THEN '{Limit.PROMPTS_PER_USER}'
  ELSE '' END AS reached
FROM (
  SELECT
    COUNT(DISTINCT CASE WHEN client_id = %s AND answer = 'denied' AND answered_at > %s
      THEN answered_at END)
    + COUNT(CASE WHEN client_id = %s AND answer IN ('', 'failed') AND wrong_at > %s
      THEN 1 END) AS denials,
    COUNT(CASE WHEN client_id = %s AND status = 'pending' AND answer = '' AND node <> ''
      AND expires_at > %s THEN 1 END) AS open_of_client,
    COUNT(CASE WHEN status = 'pending' AND answer = '' AND node <> ''
      AND expires_at > %s THEN 1 END) AS open_of_user,
    COUNT(CASE WHEN created_at > %s THEN 1 END) AS lately
  FROM django_ciba_authenticationrequest
  WHERE user_id = %s AND expires_at > %s
) asked
"""


@dataclass(frozen=True, slots=True)
class PromptLimits:
    """The limits of one realm, as they are held against one new request."""

    open_per_client: int
    open_per_user: int
    per_window: int
    window: timedelta
    denials: int
    cool_down: timedelta

    @classmethod
    def of(cls, conf: CibaSettings) -> "PromptLimits":
        """As the realm's settings have them."""
        return cls(
            open_per_client=conf.OPEN_PROMPTS_PER_CLIENT,
            open_per_user=conf.OPEN_PROMPTS_PER_USER,
            per_window=conf.PROMPTS_PER_USER,
            window=timedelta(seconds=conf.PROMPT_WINDOW),
            denials=conf.DENIALS_BEFORE_COOL_DOWN,
            cool_down=timedelta(seconds=conf.COOL_DOWN),
        )

    def guard(self, user: Any, client_pk: int, now: datetime, connection: Any) -> Guard:
        """What names the limit that one more request of that client for that user would pass."""
        adapted = connection.ops.adapt_datetimefield_value
        user_pk = user._meta.pk.get_db_prep_value(user.pk, connection)
        moment, since = adapted(now), adapted(now - max(self.window, self.cool_down))
        cooling = adapted(now - self.cool_down)
        return Guard(
            f"prompts of user {user.pk}",
            type(user)._base_manager.filter(pk=user.pk),
            _REACHED,
            (
                *(user_pk, client_pk, moment),
                *(self.denials, self.open_per_client, self.open_per_user, self.per_window),
                *(client_pk, cooling, client_pk, cooling),
                *(client_pk, moment, moment, adapted(now - self.window)),
                *(user_pk, since),
            ),
        )


def longest_memory(conf: CibaSettings) -> timedelta:
    """How long a request counts after it has expired, whatever became of it."""
    return timedelta(seconds=max(conf.PROMPT_WINDOW, conf.COOL_DOWN))
