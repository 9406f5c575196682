"""The shapes of what this API takes and gives, for its OpenAPI description alone.

Nothing is read or written by them: `members` reads, `representations` writes, and the tests hold
both to these.
"""

from typing import Any

from rest_framework import serializers

from django_ciba.authentication_device.api.members import TOKENS
from django_ciba.authentication_device.names import LONGEST_NAME
from django_ciba.authentication_device.presentation import Outcome


class Shape(serializers.Serializer[Any]):
    """A shape, and nothing that is done with it."""


class ErrorSerializer(Shape):
    error = serializers.CharField(help_text="The code; see the table of errors.")
    error_description = serializers.CharField(help_text="What to change, for a developer.")


class PushSerializer(Shape):
    channel = serializers.ChoiceField([*TOKENS], help_text="The push service.")
    token = serializers.CharField(help_text="What that service knows this installation by.")


class EnrolmentSerializer(Shape):
    code = serializers.CharField(help_text="What the user has carried over from the web device.")
    name = serializers.CharField(
        max_length=LONGEST_NAME, help_text="What the user calls this phone."
    )
    public_jwk = serializers.DictField(
        help_text="The public key (RFC 7517): EC on P-256, or Ed25519."
    )
    push = PushSerializer(required=False, allow_null=True)


class DeviceSerializer(Shape):
    id = serializers.UUIDField(help_text="`iss` of the answers that this device signs.")
    name = serializers.CharField()
    user = serializers.CharField(help_text="Whose device it is: their user name.")
    audience = serializers.URLField(help_text="`aud` of the answers that this device signs.")
    push = serializers.CharField(
        allow_null=True, help_text="The channel that it is told by, or null."
    )
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class DeviceChangesSerializer(Shape):
    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    push = PushSerializer(required=False, allow_null=True)


class ClientSerializer(Shape):
    id = serializers.CharField(help_text="`client` of the answer.")
    name = serializers.CharField(help_text="Who asks, for people.")


class ScopeSerializer(Shape):
    name = serializers.CharField()
    words = serializers.CharField(
        allow_null=True, help_text="For people; null for a scope of the site's own."
    )


class DetailsMemberSerializer(Shape):
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.CharField())


class AuthorizationDetailsSerializer(Shape):
    name = serializers.CharField()
    words = serializers.CharField(
        allow_null=True, help_text="HTML of the operator's template, or null."
    )
    members = DetailsMemberSerializer(many=True, help_text="All that is asked for (RFC 9396).")


class DemandsSerializer(Shape):
    number = serializers.ChoiceField(
        ["pick", "type"],
        allow_null=True,
        help_text="The number that the client shows is picked out of `number_choices`, or typed.",
    )
    number_choices = serializers.ListField(child=serializers.CharField())
    passcode = serializers.BooleanField(help_text="The passcode that the user was sent is typed.")
    passkey = serializers.BooleanField(
        help_text="The app must verify the user, and say so in `amr`."
    )
    second_factor = serializers.BooleanField(
        help_text="The app must verify the user, and say so in `amr`."
    )
    link = serializers.BooleanField(help_text="It is answered by a link alone, and not here.")
    max_login_age = serializers.IntegerField(
        help_text="Seconds after which the user must be verified anew."
    )


class RequestSerializer(Shape):
    id = serializers.UUIDField(
        help_text="`request` of the answer; may differ from the one in the address of a GET."
    )
    client = ClientSerializer()
    binding_message = serializers.CharField(
        allow_blank=True, help_text="What client and device both show; `binding_message` too."
    )
    scopes = ScopeSerializer(many=True)
    authorization_details = AuthorizationDetailsSerializer(many=True)
    acr = serializers.CharField(allow_blank=True)
    times_asked = serializers.IntegerField(
        help_text="How many that look like it wait; of them only the newest is listed."
    )
    asked_at = serializers.DateTimeField()
    answer_until = serializers.DateTimeField()
    prompt = serializers.IntegerField(help_text="`prompt` of the answer.")
    demands = DemandsSerializer(
        allow_null=True,
        help_text="What an approval must come with; null when none is taken here (any more).",
    )
    outcome = serializers.ChoiceField(
        [str(each) for each in Outcome],
        help_text="`at_client`: it waits, in the history; the user gives the client the passcode "
        "that they were sent, and can deny and report it here.",
    )
    answer = serializers.ChoiceField(["approved", "denied", "failed"], allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    reported_at = serializers.DateTimeField(allow_null=True, help_text="This was not me.")


class RequestsSerializer(Shape):
    requests = RequestSerializer(many=True)


class AnswerSerializer(Shape):
    answer = serializers.CharField(help_text="A compact JWS; see below.")
