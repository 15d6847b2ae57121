"""Keep tokens and passwords out of messages, settings and run folders."""

from flexcv._secrets import redact as redact
from flexcv._secrets import redact_params as redact_params
