"""For the site's own APIs: Django REST framework classes that take our access tokens.

class Account(FapiInteractionMixin, APIView):
    authentication_classes = [CibaTokenAuthentication]
    permission_classes = [TokenHasScope, TokenHasAcr]
    required_scopes = ["profile"]
    required_acr = ["push"]
"""

from .authentication import CibaTokenAuthentication
from .interaction import FapiInteractionMixin
from .permissions import TokenHasAcr, TokenHasScope

__all__ = ["CibaTokenAuthentication", "FapiInteractionMixin", "TokenHasAcr", "TokenHasScope"]
