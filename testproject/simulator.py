"""POST /ciba-sim: answers a pending request as its user would, for test suites and benchmarks.

It asks for no login, so it is there only when CIBA_SIMULATOR is set, and for callers on this
machine only.
"""

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from django_ciba.journeys import VOUCHED, NotAnswerable, answer
from django_ciba.models import AuthenticationRequest
from django_ciba.models.secrets import digest

VERDICTS = {
    "allow": AuthenticationRequest.Answer.APPROVED,
    "deny": AuthenticationRequest.Answer.DENIED,
}


@csrf_exempt
def simulate_answer(request: HttpRequest) -> HttpResponse:
    """`auth_req_id` and `action` (allow, deny) in the query; out: the request's status.

    404 when the simulator is off, or the id unknown; 403 from elsewhere; 405 for other methods; 400
    for another action; 409 with the reason when the request cannot be answered.
    """
    if not settings.CIBA_SIMULATOR:
        raise Http404("CIBA_SIMULATOR is not set")
    return _answered(request)


@require_POST
def _answered(request: HttpRequest) -> HttpResponse:
    if not is_loopback(request.META.get("REMOTE_ADDR", "")):
        return _problem(403, "the simulator answers callers on its own machine only")
    verdict = VERDICTS.get(request.GET.get("action", ""))
    if verdict is None:
        return _problem(400, "action must be allow or deny")
    auth_req_id = request.GET.get("auth_req_id", "")
    waiting = AuthenticationRequest.objects.filter(auth_req_id_digest=digest(auth_req_id)).first()
    if waiting is None:
        return _problem(404, "no request has this auth_req_id")
    now = timezone.now()
    try:
        answered = answer(
            waiting, verdict, now=now, authenticated_at=now, amr=["pwd"], evidence=VOUCHED
        )
    except NotAnswerable as refused:
        return _problem(409, refused.reason)
    return JsonResponse({"status": answered.status})


def is_loopback(address: str) -> bool:
    """Whether a peer is this machine; a Unix socket's empty address is not known to be."""
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return peer.is_loopback


def _problem(status: int, reason: str) -> JsonResponse:
    return JsonResponse({"error": reason}, status=status)
