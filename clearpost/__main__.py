"""`python -m clearpost`: the same as the command. Must never greet Ctrl-C with a traceback."""

import sys

INTERRUPTED = 130

try:
    from clearpost.cli import main

    main()
except KeyboardInterrupt:  # also while modules are still being imported
    sys.exit(INTERRUPTED)
