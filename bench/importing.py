"""`python importing.py MODULE …`: prints, as JSON, the processor time and the memory of importing."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time

started = time.process_time()
for module in sys.argv[1:]:
    importlib.import_module(module)
seconds = time.process_time() - started
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([seconds, memory]))
