"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from raiox.checks import refuse_unsafe_settings
from raiox.unread import read_to_the_end

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raiox.settings")
application = read_to_the_end(get_wsgi_application())
refuse_unsafe_settings()

from cases.notices import watch  # noqa: E402  # models can be loaded only now

watch.start()
