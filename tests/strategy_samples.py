"""Signatures, and random conditions and strategies, for the tests of the strategy package."""

from __future__ import annotations

from hypothesis import strategies as st

from treefolio.strategy.signature import Parameter, Signature
from treefolio.strategy.tree import (
    COMPARATORS,
    REBALANCINGS,
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Constant,
    Constraint,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Lasting,
    NoneOf,
    Reading,
    Rebalance,
    Scale,
    Specified,
    Strategy,
    Switch,
    Term,
    Var,
    Variable,
)

WINDOW = Parameter(name="window")
SIGNATURES = {
    signature.name: signature
    for signature in (
        Signature(name="price"),
        Signature(name="rsi", parameters=(Parameter(name="window", default=14),)),
        Signature(name="sma", parameters=(WINDOW,)),
        Signature(
            name="macd",
            parameters=(
                Parameter(name="fast", default=12),
                Parameter(name="slow", default=26),
                Parameter(name="signal", default=9),
            ),
        ),
        Signature(
            name="bollinger_upper",
            parameters=(WINDOW, Parameter(name="deviations", default=2.0, whole=False, minimum=0)),
        ),
    )
}

VARIABLES = (
    Variable("n", (1, 2, 3), 1),
    Variable("x9.threshold", (0.25, 1e-05, 7.0), 1e-05),
    Variable("fund", ("TQQQ", "5", "NO", "null", "a: b #c"), "NO"),
    Variable("cmp", COMPARATORS, ">"),
    Variable("side", ("top", "bottom"), "bottom"),
    Variable("ind", ("rsi", "sma"), "rsi"),
    Variable("steps", tuple(range(70, 86)), 72),
)
ASIDE = ("n", "steps")
"""Variables that may stand where a whole number of 1 or more belongs."""

wholes = st.integers(1, 400) | st.sampled_from([Var(name) for name in ASIDE])
numbers = (
    st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Var("n"), Var("x9.threshold")])
)
weights = st.floats(1e-9, 1e9) | st.integers(1, 100) | st.sampled_from([0.6, 0.4, 0.05, Var("n")])
plain_tickers = st.sampled_from(["SPY", "BRK.B", "BF-B", "0700.HK", "NO", "ON", "cash", "for", "5", "^VIX"])
tickers = plain_tickers | st.text(min_size=1, max_size=8).filter(str.strip) | st.just(Var("fund"))


@st.composite
def readings(draw: st.DrawFn, *, ranked: bool = False) -> Reading:
    name = draw(st.sampled_from([*SIGNATURES, Var("ind")]))
    params: tuple[int | float | Var, ...]
    if isinstance(name, Var):
        params = (draw(wholes),)
    else:
        params = tuple(
            draw(wholes if parameter.whole else st.floats(0, 9) | st.just(Var("n")))
            for parameter in SIGNATURES[name].parameters
        )
    return Reading(
        name,
        params,
        None if ranked else draw(tickers),
        draw(st.just(0) | wholes),
        draw(st.just(1) | numbers),
        draw(st.just(0) | numbers),
    )


comparisons = st.builds(
    Compare,
    readings() | st.builds(Constant, numbers),
    st.sampled_from([*COMPARATORS, Var("cmp")]),
    readings() | st.builds(Constant, numbers),
)


def _combined(inner: st.SearchStrategy) -> st.SearchStrategy:
    several = st.lists(inner, max_size=4).map(tuple)
    return (
        st.builds(AllOf, several)
        | st.builds(AnyOf, several)
        | st.builds(NoneOf, several)
        | st.builds(Lasting, inner, wholes)
    )


conditions = st.recursive(comparisons, _combined, max_leaves=12)
leaves = st.builds(Asset, tickers) | st.just(Cash()) | st.just(Empty())


@st.composite
def _filters(draw: st.DrawFn, children: st.SearchStrategy) -> Filter:
    chosen = draw(children)
    how = draw(st.sampled_from(["equal", "specified", "volatility"]))
    return Filter(
        chosen,
        draw(readings(ranked=True)),
        draw(st.sampled_from(["top", "bottom", Var("side")])),
        draw(wholes),
        tuple(draw(weights) for _ in chosen) if how == "specified" else (),
        draw(wholes) if how == "volatility" else None,
        draw(st.booleans()),
    )


@st.composite
def _specified(draw: st.DrawFn, children: st.SearchStrategy) -> Specified:
    chosen = draw(children)
    return Specified(chosen, tuple(draw(weights) for _ in chosen))


@st.composite
def _switches(draw: st.DrawFn, inner: st.SearchStrategy) -> Switch:
    asked = tuple(draw(st.lists(conditions, min_size=1, max_size=3)))
    slots = tuple(draw(st.none() | inner) for _ in asked)
    return Switch(asked, (*slots, draw(inner)))


def _around(inner: st.SearchStrategy) -> st.SearchStrategy:
    children = st.lists(inner, min_size=1, max_size=4).map(tuple)
    ends = st.lists(numbers, min_size=2, max_size=2, unique_by=float_key)
    return (
        st.builds(Group, st.text(max_size=12), inner)
        | st.builds(Equal, children)
        | _specified(children)
        | st.builds(InverseVolatility, children, wholes)
        | st.builds(If, conditions, inner, inner)
        | _switches(inner)
        | _filters(children)
        | st.builds(
            lambda reading, two, start, end: Scale(reading, two[0], two[1], start, end),
            readings(),
            ends,
            inner,
            inner,
        )
        | st.builds(EnterExit, conditions, conditions, inner, inner)
    )


def float_key(value: object) -> object:
    """What makes two ends of a scale equal."""
    return value if isinstance(value, Var) else float(value)  # type: ignore[arg-type]


nodes = st.recursive(leaves, _around, max_leaves=15)
terms = st.builds(
    Term,
    st.integers(-99, 99) | st.floats(-9, 9) | st.just(Var("n")),
    st.integers(1, 9) | st.floats(-9, 9),
    st.integers(-9, 9),
)
rebalances = st.sampled_from([Rebalance(rule) for rule in REBALANCINGS if rule != "threshold"]) | st.builds(
    Rebalance, st.just("threshold"), st.floats(0, 1)
)


@st.composite
def strategies(draw: st.DrawFn) -> Strategy:
    """A whole strategy; it holds SPY somewhere, so that it holds anything at all."""
    return Strategy(
        name=draw(st.text(max_size=20)),
        root=Equal((Asset("SPY"), draw(nodes))),
        variables=VARIABLES,
        constraints=tuple(
            draw(st.lists(st.builds(Constraint, terms, st.sampled_from(COMPARATORS), terms), max_size=3))
        ),
        rebalance=draw(rebalances),
        empty=draw(st.sampled_from(["redistribute", "cash"])),
        description=draw(st.text(max_size=20)),
    )
