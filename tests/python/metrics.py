"""What Prometheus' own Python client reads in a page of metrics.

    python metrics.py < PAGE

Needs the package prometheus-client. Prints one JSON array of families: name, kind, help, and samples with their names,
labels and values. Exits with 1 where the page is none.
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families


def name(family):
    """Its name on the page: the client takes the end off a counter's."""
    return family.name + "_total" if family.type == "counter" else family.name


json.dump(
    [
        {
            "name": name(family),
            "kind": family.type,
            "help": family.documentation,
            "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in family.samples],
        }
        for family in text_string_to_metric_families(sys.stdin.read())
    ],
    sys.stdout,
    allow_nan=False,
)
