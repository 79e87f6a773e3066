"""The wire: what Basketry takes and what it says, for every language.

Other teams install this part alone. It imports nothing else of the project, no Celery and no database
driver; decoding is validating, and one table knows every error key.
"""

CONTRACT_VERSION = 1
