"""Tells people that something waits for them, or that something failed; never who a patient is.

A notice is a row, written in the transaction of what it speaks of. `sending` gathers what is due
for one person into one message, so that a burst of cases is one mail.
"""
