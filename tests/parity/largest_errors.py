"""Prints the largest error that each case of a parity test saw when it last ran.

    python3 tests/parity/largest_errors.py TARGET...
"""

import sys
import xml.etree.ElementTree


def main(targets):
    for target in targets:
        largest = {}
        path = "bazel-testlogs/" + target.removeprefix("//").replace(":", "/") + "/test.xml"
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            for found in case.iter("property"):
                if found.get("name") == "largest_error":
                    name, _, parameter = case.get("name").partition("/")
                    largest[name] = max(largest.get(name, (-1.0, "")), (float(found.get("value")), parameter))
        for name, (error, parameter) in largest.items():
            print(f"{target} {name}: largest error {error:.2e}", f"({parameter})" if parameter else "")


if __name__ == "__main__":
    main(sys.argv[1:])
