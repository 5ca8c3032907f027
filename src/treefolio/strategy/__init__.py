"""The strategy: a tree that says, for each session, what to hold.

1. `tree`: nodes, conditions, variables as frozen values, and all walks over them. `signature`: what must be
   known of an indicator.
2. `text`: the native form, YAML or JSON → Strategy. It stands on `document` (with `yaml_text`, `json_text`),
   `fields`, `nodes` and `kinds` (the tree) and `expression` (conditions, with `operands` and `tokens`).
   `write` and `spelling` are the way back.
3. `build`: the same words in Python.
4. `places`: where scalars stand, and what may. `validate`: what has a meaning.
5. `variables`: specifications, and strategies with values put in. `handles`: literals made into variables.

Functions are reached through their modules: ``text.parse``, ``variables.bind``, ``handles.open_handles``.
"""

from __future__ import annotations

from treefolio.strategy.handles import Handle
from treefolio.strategy.signature import Parameter, Signature, Signatures
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Condition,
    Constant,
    Constraint,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Lasting,
    Node,
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
from treefolio.strategy.validate import Limits

__all__ = [
    "AllOf",
    "AnyOf",
    "Asset",
    "Cash",
    "Compare",
    "Condition",
    "Constant",
    "Constraint",
    "Empty",
    "EnterExit",
    "Equal",
    "Filter",
    "Group",
    "Handle",
    "If",
    "InverseVolatility",
    "Item",
    "Lasting",
    "Limits",
    "Node",
    "NoneOf",
    "Parameter",
    "Reading",
    "Rebalance",
    "Scale",
    "Signature",
    "Signatures",
    "Specified",
    "Strategy",
    "Switch",
    "Term",
    "Var",
    "Variable",
]
