"""The grammar of label and field selectors."""

from __future__ import annotations

import pytest

from sentinel_fleet.kube.resources import BY_PATH
from sentinel_fleet.kube.selectors import BadSelector, label_selector_test, parse_fields, parse_labels, parse_selector

PODS = BY_PATH["", "v1", "pods"]
LABELS = {"app": "train", "gpu": "8", "nvidia.com/gpu.product": "H200", "empty": ""}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("app=train", True),
        ("app==train", True),
        ("app=web", False),
        ("app!=web", True),
        ("absent!=web", True),
        ("app", True),
        ("absent", False),
        ("!absent", True),
        ("! app", False),
        ("app in (web, train)", True),
        ("app in (web)", False),
        ("app notin (web)", True),
        ("absent notin (web)", True),
        ("absent in ()", False),
        ("empty=", True),
        ("empty in (,x)", True),
        ("gpu>4,gpu<9", True),
        ("gpu>8", False),
        ("nvidia.com/gpu.product=H200,app in (train),!absent", True),
    ],
)
def test_labels(text, selected):
    assert all(test(LABELS) for test in parse_labels(text)) is selected


@pytest.mark.parametrize("text", ["=a", "a in b", "a in (b", "a b", "a,,b", "a~b", "a>x", "-a=b", "a=b=c"])
def test_malformed_labels_are_refused(text):
    with pytest.raises(BadSelector):
        parse_labels(text)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("status.phase=Running", [("status.phase", "Running", True)]),
        ("spec.nodeName!=a,metadata.name==b", [("spec.nodeName", "a", False), ("metadata.name", "b", True)]),
        (r"metadata.name=a\,b", [("metadata.name", "a,b", True)]),
        ("spec.host=a", [("spec.nodeName", "a", True)]),
        ("", []),
    ],
)
def test_fields(text, terms):
    assert [(term.path, term.value, term.equal) for term in parse_fields(text, PODS)] == terms


def test_an_event_field_of_the_new_api_means_the_stored_one():
    (term,) = parse_fields("regarding.name=gpu-1", BY_PATH["events.k8s.io", "v1", "events"])

    assert term.path == "involvedObject.name"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        pytest.param(("", "v1", "pods"), "colour=red", id="unknown field"),
        pytest.param(("", "v1", "pods"), "colour", id="no operator"),
        pytest.param(("kubeflow.org", "v1", "pytorchjobs"), "status.phase=x", id="custom kind"),
        pytest.param(("", "v1", "nodes"), "metadata.namespace=x", id="namespace of a cluster-scoped kind"),
    ],
)
def test_unsupported_fields_are_refused(key, text):
    with pytest.raises(BadSelector):
        parse_fields(text, BY_PATH[key])


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "train"}}, True),
        ({"matchLabels": {"app": "train"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["train"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["train"]}]}, True),
    ],
)
def test_label_selector_objects(selector, selected):
    assert label_selector_test(selector)(LABELS) is selected


def test_a_selector_knows_whether_it_narrows_anything():
    assert parse_selector(PODS, "team-a", "", "").unfiltered
    assert not parse_selector(PODS, "", "app", "").unfiltered
