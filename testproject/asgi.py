"""`uvicorn testproject.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

from django_ciba.long_polling import LongPolling

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
application = LongPolling(get_asgi_application())
