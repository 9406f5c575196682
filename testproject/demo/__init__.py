"""`python -m testproject.demo`: the site, a worker, and one whole signed CIBA flow between them.

`make demo` calls it. What is here: __main__ (what happens in which order), site (the database),
processes (the children), device (the user with their browser), flow (the walk), telling (what is
printed).
"""
