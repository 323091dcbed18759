"""Reads what `scim test --verbose` printed and says whether it is what docs/conformance.md expects.

    scim2_tester_summary.py CONFORMANCE_MD LABEL EXIT_CODE < output

Every outcome but SUCCESS must be a row of the table in the document: | `OUTCOME` | `check` | `words of the reason` | ... |
"""

import re
import sys
from collections import Counter

OUTCOMES = ("SUCCESS", "COMPLIANT", "ACCEPTABLE", "DEVIATION", "ERROR", "CRITICAL", "SKIPPED")
HEADLINE = re.compile(rf"^({'|'.join(OUTCOMES)}) (\w+)$")
ROW = re.compile(rf"^\|\s*`({'|'.join(OUTCOMES)})`\s*\|\s*`(\w+)`\s*\|\s*`?([^`|]*?)`?\s*\|")


def results(lines):
    """(outcome, check, [reason and data lines]) in the order of the run."""
    found = []
    for line in lines:
        headline = HEADLINE.match(line)
        if headline:
            found.append((headline[1], headline[2], []))
        elif found:
            found[-1][2].append(line.strip())
    return found


def expected(document):
    with open(document, encoding="utf-8") as text:
        return [row.groups() for row in map(ROW.match, text) if row]


def main(document, label, exit_code):
    lines = sys.stdin.read().splitlines()
    outcomes = results(lines)
    allowed = expected(document)

    surprises, listed = [], []
    for outcome, check, details in outcomes:
        if outcome == "SUCCESS":
            continue
        reason = " ".join(details)
        known = any(outcome == o and check == c and words in reason for o, c, words in allowed)
        (listed if known else surprises).append((outcome, check, details))

    counts = Counter(outcome for outcome, _, _ in outcomes)
    created = sum(outcome == "SUCCESS" and check == "object_creation" for outcome, check, _ in outcomes)
    summary = ", ".join(f"{counts[outcome]} {outcome.lower()}" for outcome in OUTCOMES if counts[outcome])
    print(f"{label}: {summary or 'no result'}; {created} resource types written")
    for outcome, check, details in listed:
        print(f"  listed in docs/conformance.md: {outcome} {check}: {details[0] if details else ''}"[:240])
    for outcome, check, details in surprises:
        print(f"  {outcome} {check}")
        for detail in details:
            print(f"      {detail}"[:2000])

    if surprises:
        return 1
    if not created:
        # A run that never wrote anything has tested nothing, whatever it says.
        print("  no resource could be created; the output was:")
        print("\n".join(f"      {line}"[:2000] for line in lines[-40:]))
        return 1
    if exit_code not in (0, 1):
        print(f"  scim ended with code {exit_code}; the output was:")
        print("\n".join(f"      {line}"[:2000] for line in lines[-40:]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
