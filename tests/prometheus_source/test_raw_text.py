"""The raw text of a comparison is Prometheus' own `data` objects, one for each metric."""

import json
import math

from gcm_sentinel.clients.prometheus import PromSeries
from gcm_sentinel.datasources.gpu_series import compact, data_object, raw_by_metric

POINTS = ((1.0, 0.0), (1.5, -0.0), (2.00049, 41.0), (3.25, 1e22), (4.0, math.inf), (5.0, -math.inf), (6.0, 0.1))
B = PromSeries({"__name__": "B", "gpu": "0", "pod": 'a"\\ü'}, POINTS)
A = PromSeries({"__name__": "A", "gpu": "1"}, POINTS[:2])


def test_it_is_written_as_the_objects_would_be():
    wanted = {"A": data_object([A], "matrix"), "B": data_object([B, A], "matrix")}
    named = PromSeries({**A.labels, "__name__": "B"}, A.points)
    wanted["B"] = data_object([B, named], "matrix")

    assert raw_by_metric([B, A, named]) == compact(wanted)


def test_no_series_are_an_empty_object():
    assert raw_by_metric([]) == "{}"


def test_what_is_no_number_is_told():
    (values,) = (row["values"] for row in json.loads(raw_by_metric([PromSeries({}, ((7.0, math.nan),))]))[""]["result"])

    assert values == [[7.0, "NaN"]]
