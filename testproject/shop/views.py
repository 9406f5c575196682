"""A checkout that asks the payer on the payer's own device.

What a shop keeps of a payment lies in the session; how it speaks with the provider is in
relying_party.py.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any, Final

import jwt
import requests
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from testproject.shop.keys import own_key
from testproject.shop.relying_party import Refused, RelyingParty, Waiting
from testproject.shop.wire import Exchange, exchange

CLIENT_ID: Final = "shop"
KEY_FILE: Final = "shop-key.jwk"
PATIENCE: Final = 300  # seconds that the payer has
PRODUCTS: Final = {
    "coffee": {"name": "Coffee, a bag of 500 g", "price": "9.50", "picture": "shop/coffee.svg"},
    "teapot": {"name": "Teapot, blue, for four", "price": "34.00", "picture": "shop/teapot.svg"},
    "cup": {"name": "Cup, chipped a little", "price": "2.75", "picture": "shop/cup.svg"},
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

View = Callable[[HttpRequest], HttpResponse]
Payment = dict[str, Any]


class CheckoutForm(forms.Form):
    product = forms.ChoiceField(choices=[(key, each["name"]) for key, each in PRODUCTS.items()])
    payer = forms.CharField(max_length=200)


def page(view: View) -> View:
    """Never from a cache, and with nothing on it but what is ours."""

    @wraps(view)
    def strict(request: HttpRequest) -> HttpResponse:
        answer = view(request)
        answer["Content-Security-Policy"] = POLICY
        return answer

    return never_cache(strict)


@page
@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Choose, say who pays, and go on to the payment."""
    form = CheckoutForm(request.POST or None, initial={"product": "coffee"})
    if request.method == "POST" and form.is_valid():
        payment = new_payment(form.cleaned_data["product"], form.cleaned_data["payer"])
        try:
            start(payment)
        except Refused as refused:
            unknown = refused.error == "unknown_user_id"
            form.add_error("payer" if unknown else None, why_not(refused))
        except requests.RequestException:
            form.add_error(None, f"Nobody answers at {issuer()}. Does the site run there?")
        else:
            request.session["payment"] = payment
            return redirect("shop:payment")
    chosen = form["product"].value()
    return render(request, "shop/checkout.html", {"form": form, **offered(chosen)})


@page
@require_GET
def payment(request: HttpRequest) -> HttpResponse:
    """The payment as it stands."""
    current = payment_of(request)
    if current is None:
        return redirect("shop:checkout")
    return render(request, "shop/payment.html", {"payment": current})


@page
@require_GET
def state(request: HttpRequest) -> HttpResponse:
    """The same for the page's script: `html` to show, `wait` seconds until it should ask again."""
    current = payment_of(request)
    if current is None:
        return JsonResponse({"error": "no payment in this session"}, status=404)
    html = render_to_string("shop/_payment.html", {"payment": current}, request)
    wait = None
    if current["state"] == "waiting":
        wait = Waiting(**current["waiting"]).seconds_left() + 0.1
    return JsonResponse({"state": current["state"], "html": html, "wait": wait})


def new_payment(product: str, payer: str) -> Payment:
    """A payment that has not begun. The price comes from us, not from the form."""
    return {
        "product": PRODUCTS[product],
        "payer": payer,
        "reference": f"CS-{secrets.randbelow(9000) + 1000}",
        "state": "waiting",
        "exchanges": [],
    }


def start(payment: Payment) -> None:
    """Ask the provider to ask the payer. Raises Refused, requests.RequestException."""
    party = relying_party(payment)
    product, reference = payment["product"], payment["reference"]
    waiting = party.ask(
        login_hint=payment["payer"],
        binding_message=f"Pay £{product['price']} to Corner Shop ({reference})",
        acr_values="number",
        requested_expiry=PATIENCE,
    )
    payment["metadata"] = party.metadata
    payment["waiting"] = asdict(waiting)


def payment_of(request: HttpRequest) -> Payment | None:
    """The payment of this session, one poll further if one is due.

    Two tabs must not poll at once: the second would spoil what the first has just got.
    """
    name = f"shop-{request.session.session_key}"
    alone = cache.add(name, True, timeout=60)
    try:
        current: Payment | None = request.session.get("payment")
        if alone and current and current["state"] == "waiting":
            waiting = Waiting(**current["waiting"])
            if not waiting.seconds_left():
                step(current, waiting)
                request.session.modified = True
                request.session.save()
        return current
    finally:
        if alone:
            cache.delete(name)


def step(payment: Payment, waiting: Waiting) -> None:
    """Poll once, and take what comes."""
    party = relying_party(payment)
    try:
        tokens = party.poll(waiting)
        if tokens is not None:
            payment["claims"] = party.verified(tokens)
            payment["userinfo"] = party.userinfo(tokens["access_token"], payment["claims"]["sub"])
            payment["state"] = "paid"
    except Refused as refused:
        states = {"access_denied": "denied", "expired_token": "expired"}
        payment["state"] = states.get(refused.error, "failed")
        payment["problem"] = str(refused)
    except (jwt.PyJWTError, requests.RequestException) as problem:
        payment["state"] = "failed"
        payment["problem"] = str(problem)
    payment["waiting"] = asdict(waiting)


def relying_party(payment: Payment) -> RelyingParty:
    """Us, writing down in the payment what goes over the wire."""
    http = requests.Session()
    http.trust_env = False  # no proxy stands between us and ourselves
    http.hooks["response"].append(
        lambda response, **_: write_down(payment["exchanges"], exchange(response))
    )
    key = own_key(Path(settings.VAR) / KEY_FILE)
    metadata = payment.get("metadata")
    return RelyingParty(issuer(), CLIENT_ID, key, metadata=metadata, http=http)


def write_down(exchanges: list[dict[str, Any]], new: Exchange) -> None:
    """Add one exchange; of polls that are answered alike, only how many there were."""
    if exchanges and Exchange(**exchanges[-1]).same_as(new):
        exchanges[-1]["times"] += 1
    else:
        exchanges.append(new.as_dict())


def issuer() -> str:
    return f"{settings.PUBLIC_URL}/oauth2"


def why_not(refused: Refused) -> str:
    """What the payer can do about it; what only we can do is told to us."""
    if refused.error == "unknown_user_id":
        return "The provider knows nobody of that name. On the demo site there are alice and bob."
    return f"The provider would not ask: {refused}"


def offered(chosen: str | None) -> dict[str, Any]:
    return {
        "products": [
            {"key": key, "chosen": key == chosen, **each} for key, each in PRODUCTS.items()
        ]
    }
