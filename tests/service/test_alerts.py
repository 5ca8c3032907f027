"""deploy/alerts.yaml: a reader of PromQL reads it, and it asks for what a service at work says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service_samples import wait_for
from treefolio.client import Client
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.jobs.states import Event, State
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.models import API

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8"))
RULES = FILE["groups"][0]["rules"]
TREE = "variables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
OF_THE_SCRAPE = {"job": {"treefolio"}, "instance": {"127.0.0.1:8000"}}
"""Labels that Prometheus puts to all that it scrapes."""
OF_COUNTERS = {"rate", "irate", "increase", "resets"}
OF_GAUGES = {"delta", "idelta", "deriv", "min_over_time", "max_over_time", "avg_over_time"}
LEAVES_THE_LEFT = {"and", "unless", "==", "!=", ">", "<", ">=", "<="}
TEMPLATE = re.compile(r"\{\{ \$(?:labels\.(\w+)|value) \}\}")


class WrongError(Exception):
    """A rule asks for what there is not, or for what makes no sense."""


class Figures:
    """What is scraped of a service: each figure's kind, and the values that each of its labels may have."""

    def __init__(self, text: str, routes: set[str]) -> None:
        self.kinds = {"up": "gauge"}
        self.labels: dict[str, dict[str, set[str]]] = {"up": dict(OF_THE_SCRAPE)}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.kinds[sample.name] = family.type
                there = self.labels.setdefault(sample.name, dict(OF_THE_SCRAPE))
                for label, value in sample.labels.items():
                    there[label] = there.get(label, set()) | {value}
        possible = {"route": routes, "status": {str(status.value) for status in HTTPStatus}}
        for there in self.labels.values():
            there.update({label: possible[label] for label in possible.keys() & there.keys()})


@pytest.fixture(scope="module")
def figures(client: Client, raw: httpx.Client) -> Figures:
    """While a job is under way."""
    panel = synthetic_panel(seed=4, start=date(2014, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "TQQQ"])
    asked = SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "50:90:0.01"})
    paths = raw.get("/openapi.json").json()["paths"]
    job = client.submit(asked, panel)
    wait_for(lambda: client.job(job.id).state == State.RUNNING, "a worker")
    text = raw.get("/metrics").text
    client.tell(job.id, Event.CANCEL)
    assert re.search(r'^treefolio_jobs{state="running"} [1-9]', text, flags=re.MULTILINE)
    return Figures(text, {path.removeprefix(API) for path in paths})


def labels_of(expression: Any, figures: Figures) -> set[str]:
    """The labels that are left when this is evaluated. Raises WrongError, ValueError."""
    return READERS[type(expression)](expression, figures)


def selected(selector: Any, figures: Figures) -> set[str]:
    """A figure that there is, by labels that it has, with values that they may have."""
    if selector.name not in figures.kinds:
        raise WrongError(f"there is no figure {selector.name}")
    there = figures.labels[selector.name]
    for matcher in selector.matchers.matchers:
        pattern = matcher.value if "Re" in str(matcher.op) else re.escape(matcher.value)
        for each in pattern.split("|"):
            if not any(re.fullmatch(each, value) for value in there.get(matcher.name, ())):
                raise WrongError(f"{selector.name} has no {matcher.name} {each}")
    return set(there)


def aggregated(expression: Any, figures: Figures) -> set[str]:
    """By labels that what is aggregated has."""
    inner = labels_of(expression.expr, figures)
    if expression.modifier is None:
        return set()
    named = set(expression.modifier.labels)
    if not named <= inner:
        raise WrongError(f"nothing has {named - inner}")
    return named if expression.modifier.type == promql.AggModifierType.By else inner - named


def called(call: Any, figures: Figures) -> set[str]:
    """Rates of counters, quantiles of buckets, extremes of gauges."""
    name, argument = call.func.name, call.args[-1]
    left = labels_of(argument, figures)
    kinds = {figures.kinds[each] for each in names_in(argument)}
    if name in OF_COUNTERS and not kinds <= {"counter", "histogram"}:
        raise WrongError(f"{name} of {kinds}")
    if name in OF_GAUGES and kinds != {"gauge"}:
        raise WrongError(f"{name} of {kinds}")
    if name == "histogram_quantile":
        if not (all(each.endswith("_bucket") for each in names_in(argument)) and kinds == {"histogram"}):
            raise WrongError(f"{name} of no buckets")
        if "le" not in left:
            raise WrongError(f"{name} without le")
        return left - {"le"}
    if name not in OF_COUNTERS | OF_GAUGES:
        raise WrongError(f"this test does not know {name}")
    return left


def compared(expression: Any, figures: Figures) -> set[str]:
    """Of ``or`` the labels that both sides have; else those of the left."""
    left, right = labels_of(expression.lhs, figures), labels_of(expression.rhs, figures)
    matching = expression.modifier and expression.modifier.matching
    if matching and not set(matching.labels) <= left & right:
        raise WrongError(f"not both have {matching.labels}")
    operator = str(expression.op)
    if operator == "or":
        return left & right
    if operator in LEAVES_THE_LEFT:
        return left
    raise WrongError(f"this test does not know {operator}")


READERS: dict[type, Callable[[Any, Figures], set[str]]] = {
    promql.VectorSelector: selected,
    promql.MatrixSelector: lambda expression, figures: selected(expression.vector_selector, figures),
    promql.ParenExpr: lambda expression, figures: labels_of(expression.expr, figures),
    promql.AggregateExpr: aggregated,
    promql.Call: called,
    promql.BinaryExpr: compared,
    promql.NumberLiteral: lambda *_: set(),
}
"""What an alert may be made of."""


def names_in(expression: Any) -> set[str]:
    found: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            found.add(str(node.name))

    promql.walk(expression, visit)
    return found


def checked(rule: dict[str, Any], figures: Figures) -> None:
    """Nothing, when a rule is in order. Raises WrongError, ValueError."""
    if not {"alert", "expr", "annotations"} <= set(rule) <= {"alert", "expr", "for", "labels", "annotations"}:
        raise WrongError(f"it has {sorted(rule)}")
    if "for" in rule:
        promql.parse_duration(rule["for"])
    left = labels_of(promql.parse(rule["expr"]), figures)
    for text in [*rule["annotations"].values(), *rule.get("labels", {}).values()]:
        if "{{" in TEMPLATE.sub("", text) or "$" in TEMPLATE.sub("", text):
            raise WrongError(f"no template: {text}")
        if not (named := {label for label in TEMPLATE.findall(text) if label}) <= left:
            raise WrongError(f"it does not leave {named - left}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_are_in_order(rule: dict[str, Any], figures: Figures) -> None:
    """They are read, every figure and label is there, and each is asked for what its kind can say."""
    checked(rule, figures)
    assert names_in(promql.parse(rule["expr"]))
    assert rule["annotations"].keys() == {"summary"}


def test_the_file_is_in_order() -> None:
    """One group of rules with names of their own, each of which has a row on the page."""
    assert FILE.keys() == {"groups"}
    assert [group.keys() for group in FILE["groups"]] == [{"name", "rules"}]
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"Treefolio[A-Z][A-Za-z]+", name) for name in names)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page[page.index("| when | look at |") :].partition("\n\n")[0]
    assert len(table.splitlines()) - 2 == len(RULES)


@pytest.mark.parametrize(
    ("expr", "summary"),
    [
        ("treefolio_chunks_waiting >", ""),
        ("rate(treefolio_requests_total) > 0", ""),
        ("sum(treefolio_jobs[5m]) > 0", ""),
        ("treefolio_chunks_wait > 0", ""),
        ('treefolio_jobs{stat="failed"} > 0', ""),
        ('treefolio_jobs{state="lost"} > 0', ""),
        ('treefolio_jobs{state=~"failed|lost"} > 0', ""),
        ('treefolio_request_seconds_bucket{route!~".*/event"} > 0', ""),
        ("sum by (rout) (treefolio_requests_total) > 0", ""),
        ("treefolio_jobs > 0 and on (state) treefolio_workers > 0", ""),
        ("increase(treefolio_jobs[5m]) > 0", ""),
        ("delta(treefolio_requests_total[5m]) > 0", ""),
        ("histogram_quantile(0.95, rate(treefolio_requests_total[5m])) > 1", ""),
        ("histogram_quantile(0.95, rate(treefolio_request_seconds_count[5m])) > 1", ""),
        ("histogram_quantile(0.95, sum by (route) (rate(treefolio_request_seconds_bucket[5m]))) > 1", ""),
        ("sum(treefolio_jobs) > 0", "{{ $labels.state }}"),
        ("sum by (state) (treefolio_jobs) > 0", "{{ $labels.instance }}"),
        ("treefolio_jobs > 0", "{{ $label.state }}"),
        ("treefolio_jobs > 0", "$labels.state"),
        ("treefolio_jobs > 0 or treefolio_workers > 9", "{{ $labels.state }}"),
    ],
)
def test_what_is_not_in_order(expr: str, summary: str, figures: Figures) -> None:
    """Is found."""
    with pytest.raises((WrongError, ValueError)):
        checked({"alert": "A", "expr": expr, "annotations": {"summary": summary}}, figures)
