"""The session core against scripted frames: what a well-behaved server does not show.

python test_session.py            # prints failures, then `N passed, N failed`
"""

from __future__ import annotations

import sys
import traceback

from session_tests import attaching, stream


def main() -> int:
    passed = failed = 0
    for module in (stream, attaching):
        for name, test in list(vars(module).items()):
            if not name.startswith("test_"):
                continue
            try:
                test()
                passed += 1
            except Exception:  # the others go on
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc(limit=-2)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
