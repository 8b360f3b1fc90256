#!/bin/sh
# Builds the fixture server, and runs this client's tests. The last line is `N passed, N failed`.
set -eu
cd "$(dirname "$0")"

. ../programs.sh
FIXTURE="$programs/trunkline-fixture"
export FIXTURE

# The environment is made anew when it is missing, incomplete, or made for other requirements.
if ! cmp -s requirements.txt .venv/installed.txt; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt .venv/installed.txt
fi

passed=0
failed=0
for test in test_vectors.py test_session.py test_fixture.py; do
    echo "== $test"
    status=0
    output=$(.venv/bin/python "$test") || status=$?
    printf '%s\n' "$output"
    counts=$(printf '%s\n' "$output" | sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    if [ -z "$counts" ]; then
        counts="0 1"
    elif [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
        counts="${counts% *} 1"
    fi
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
