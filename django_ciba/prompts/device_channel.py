"""What web push, FCM and APNs have in common: one prompt for several devices of one user."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final, Literal

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.jose import base64url
from django_ciba.models import Device
from django_ciba.models.secrets import UndecryptableError
from django_ciba.outbound import AddressRefused, OutboundError
from django_ciba.outbox import GiveUp, TryAgain, Withdrawn
from django_ciba.prompts.channel import Channel, Prompt

MOST_DEVICES: Final = 10  # those that came last: whoever has more is not looking at all of them
NO_DEVICE: Final = "the user has no device that this channel sends to"


@dataclass(frozen=True, slots=True)
class Came:
    """What came of sending to one device.

    taken; gone: the push service knows the address no more; refused: it will never take this;
    later, after so many seconds if it said so.
    """

    what: Literal["taken", "gone", "refused", "later"]
    said: str = ""
    after: float | None = None


TAKEN: Final = Came("taken")
GONE: Final = Came("gone", "the push service no longer knows the address")
LOST: Final = Came("refused", "the address of a device cannot be decrypted")


class DeviceChannel(Channel):
    """Sends an opaque id to each device of the user; what it stands for, the device asks us.

    `reaches` says whether the channel is set up, for whoever asks: whether a user has such a device
    would cost `bc-authorize` a statement for every user, and most users have none. The worker
    withdraws the message of a user without one. Nobody waits in vain for that: a request is in the
    inbox in any case.
    """

    name: ClassVar[str]

    @abstractmethod
    def set_up_problem(self) -> str | None:
        """What the channel still needs, as a sentence that goes on after its name, or None."""

    @abstractmethod
    def push(self, addresses: Sequence[str], prompt: Prompt) -> list[Came]:
        """Send to each address, and say what came of each. Raises TryAgain when it cannot begin."""

    def reaches(self, user: AbstractBaseUser) -> bool:
        return self.set_up_problem() is None

    def send(self, prompt: Prompt) -> None:
        """Delivered when at least one device has it and none is worth another attempt."""
        if (problem := self.set_up_problem()) is not None:
            raise TryAgain(f"{self.name} {problem}")
        devices = Device.objects.reached_by(self.name, prompt.user).order_by("-pk")[:MOST_DEVICES]
        waiting = [each for each in devices if str(each.public_id) not in prompt.taken_by]
        came = self._pushed(waiting, prompt)
        for device, outcome in zip(waiting, came, strict=True):
            if outcome.what == "taken":
                prompt.taken_by.add(str(device.public_id))
            elif outcome.what == "gone":
                Device.objects.forget_address(device.pk, device.address_digest)
        later = [each for each in came if each.what == "later"]
        if later:
            raise TryAgain(later[0].said, after=max(each.after or 0 for each in later))
        if prompt.taken_by:
            return
        for outcome in came:
            if outcome.what == "refused":
                raise GiveUp(outcome.said)
        raise Withdrawn(NO_DEVICE)

    def _pushed(self, devices: Sequence[Device], prompt: Prompt) -> list[Came]:
        """What came of each device; one whose address is lost keeps nobody else waiting."""
        addresses = [_address(each) for each in devices]
        known = [each for each in addresses if each is not None]
        came = iter(self.push(known, prompt) if known else ())
        return [LOST if each is None else next(came) for each in addresses]


def side_by_side(send: Callable[[str], Came], addresses: Sequence[str]) -> list[Came]:
    """Send to all at the same time, so that slow ones together take no longer than one.

    The threads ask no database.
    """

    def one(address: str) -> Came:
        try:
            return send(address)
        except AddressRefused as refusal:
            return Came("refused", f"not called: the address {refusal.reason}")
        except OutboundError as failure:
            return Came("later", failure.reason)

    if len(addresses) == 1:
        return [one(addresses[0])]
    with ThreadPoolExecutor(max_workers=MOST_DEVICES) as pool:
        return list(pool.map(one, addresses))


def answered(status: int, retry_after: float | None) -> Came:
    """RFC 9110 §15: what a status means that the service has no meaning of its own for."""
    said = f"the push service answered with status {status}"
    if status // 100 == 2:
        return TAKEN
    if status in (408, 425, 429) or status // 100 == 5:
        return Came("later", said, retry_after)
    return Came("refused", said)


def topic(prompt: Prompt) -> str:
    """RFC 8030 §5.4: what a later prompt of the same request replaces; it tells nothing else."""
    octets = sha256(f"django_ciba.prompts.topic\0{prompt.public_id}".encode()).digest()
    return base64url(octets[:24])


def _address(device: Device) -> str | None:
    try:
        return device.address
    except UndecryptableError:
        return None
