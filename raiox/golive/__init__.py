"""Is everything in place before patients' films come in? One small check for each line of the list.

Each looks at what runs (over HTTP), at the database or at this machine; nothing is assumed.
"""
