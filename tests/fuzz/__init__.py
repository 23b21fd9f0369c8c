"""What strangers send, made up by the thousand: `python -m tests.fuzz film --seconds 60`.

The tests of this folder try a few hundred made-up inputs each; the program goes on, guided by
which branches an input reaches (`make test-faults`). What either found stands as a test of its own
beside the code.
"""
