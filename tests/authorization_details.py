"""A type of authorization details for tests: a payment, as RFC 9396 §2 shows one."""

from typing import Any

from django_ciba.models import AuthorizationDetailsType, Realm

PAYMENT = "payment_initiation"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["instructedAmount", "creditorName"],
    "properties": {
        "instructedAmount": {"$ref": "#/$defs/amount"},
        "creditorName": {"type": "string", "minLength": 1, "maxLength": 70},
        "creditorAccount": {
            "type": "object",
            "properties": {"iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]+$"}},
            "required": ["iban"],
            "additionalProperties": False,
        },
        "actions": {"type": "array", "items": {"enum": ["initiate", "cancel"]}, "maxItems": 2},
        "times": {"type": "integer", "minimum": 1, "maximum": 12},
    },
    "$defs": {
        "amount": {
            "type": "object",
            "required": ["currency", "amount"],
            "properties": {
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "amount": {"type": "string", "pattern": "^[0-9]+[.][0-9]{2}$"},
            },
            "additionalProperties": False,
        }
    },
}
TEMPLATE = (
    "Pay {{ instructedAmount.currency }} {{ instructedAmount.amount }} to "
    "<strong>{{ creditorName }}</strong>."
)


def payment(**changes: Any) -> dict[str, Any]:
    """An object of that type; a change to None takes a member out."""
    details = {
        "type": PAYMENT,
        "instructedAmount": {"currency": "EUR", "amount": "123.50"},
        "creditorName": "Merchant A",
        **changes,
    }
    return {name: value for name, value in details.items() if value is not None}


def make_details_type(realm: Realm, **changes: Any) -> AuthorizationDetailsType:
    fields = {"type": PAYMENT, "name": "A payment", "schema": SCHEMA, "template": TEMPLATE}
    return AuthorizationDetailsType.objects.create(realm=realm, **{**fields, **changes})
