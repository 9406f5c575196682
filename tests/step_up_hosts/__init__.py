"""Sites whose logins are django-allauth's and django-otp's; each runs in a process of its own."""
