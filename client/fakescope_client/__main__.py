"""`python -m fakescope_client`."""

import sys

from fakescope_client.cli import main

sys.exit(main(sys.argv[1:]))
