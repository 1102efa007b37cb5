"""What flows between the nodes of Flyte's workflows, as its engine looks it up: order, conditions,
bindings."""

from collections.abc import Mapping
from typing import Any

import msgpack
from flyteidl.core import condition_pb2, errors_pb2, literals_pb2, types_pb2

START = "start-node"
NONE = literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))
Values = dict[str, literals_pb2.LiteralMap]
"""Outputs by node."""


def in_order(nodes: Any) -> list[Any]:
    """Each after those it needs."""
    left = {node.id: node for node in nodes if node.id not in (START, "end-node")}
    ordered: list[Any] = []
    while left:
        ready = [n for n in left.values() if not (_needs(n) & left.keys())]
        assert ready, f"nodes that wait for each other: {list(left)}"
        for node in ready:
            ordered.append(left.pop(node.id))
    return ordered


def sources(bindings: Any) -> set[str]:
    """The nodes whose outputs are read."""
    return set().union(*(_sources(binding.binding) for binding in bindings))


def chosen(block: Any, inputs: Any) -> Any:
    """The node of the first case that holds, or the last one."""
    for case in (block.case, *block.other):
        compared = case.condition.comparison
        assert case.condition.WhichOneof("expr") == "comparison", f"{case.condition} is not covered"
        assert compared.operator == condition_pb2.ComparisonExpression.EQ, (
            f"{case.condition} is not covered"
        )
        if _operand(compared.left_value, inputs) == _operand(compared.right_value, inputs):
            return case.then_node
    return block.else_node


def bound(bindings: Any, done: Mapping[str, literals_pb2.LiteralMap]) -> literals_pb2.LiteralMap:
    """The inputs of a node, or the outputs of a workflow."""
    return literals_pb2.LiteralMap(literals={b.var: _literal(b.binding, done) for b in bindings})


def put_error(inputs: literals_pb2.LiteralMap, failure_node: str, message: str) -> None:
    """What a failure node is told, if it has an input for it: Flyte names the failure node itself
    as the one that failed."""
    if "err" not in inputs.literals:
        return
    error = types_pb2.Error(message=message, failed_node_id=failure_node)
    kind = types_pb2.LiteralType(
        simple=types_pb2.ERROR, structure=types_pb2.TypeStructure(tag="FlyteError")
    )
    value = literals_pb2.Literal(scalar=literals_pb2.Scalar(error=error))
    union = literals_pb2.Union(value=value, type=kind)
    inputs.literals["err"].CopyFrom(literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union)))


def recoverable(document: bytes) -> tuple[bool, str, str]:
    """Of a container's error file: whether to try again, the code, the message."""
    error = errors_pb2.ErrorDocument.FromString(document).error
    return error.kind == errors_pb2.ContainerError.RECOVERABLE, error.code, error.message


def _needs(node: Any) -> set[str]:
    return (set(node.upstream_node_ids) | sources(node.inputs)) - {START}


def _sources(data: Any) -> set[str]:
    match data.WhichOneof("value"):
        case "promise":
            return {data.promise.node_id or START}
        case "collection":
            return set().union(*(_sources(part) for part in data.collection.bindings))
        case "map":
            return set().union(*(_sources(part) for part in data.map.bindings.values()))
    return set()


def _operand(operand: Any, inputs: Any) -> Any:
    found: Any = (
        inputs.literals[operand.var].scalar.primitive
        if operand.HasField("var")
        else operand.primitive
    )
    return found


def _literal(data: Any, done: Mapping[str, literals_pb2.LiteralMap]) -> Any:
    match data.WhichOneof("value"):
        case "scalar":
            return literals_pb2.Literal(scalar=data.scalar)
        case "collection":
            parts = [_literal(part, done) for part in data.collection.bindings]
            return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=parts))
        case "map":
            parts = {name: _literal(part, done) for name, part in data.map.bindings.items()}
            return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=parts))
        case "promise":
            return _attribute(
                done[data.promise.node_id or START].literals[data.promise.var],
                data.promise.attr_path,
            )
    return literals_pb2.Literal()


def _attribute(literal: Any, path: Any) -> Any:
    """What `a.b[0]` of a promise names, as Flyte's engine looks it up: in collections, maps and
    dataclasses."""
    for number, step in enumerate(path):
        value = step.string_value if step.HasField("string_value") else step.int_value
        if literal.HasField("collection"):
            literal = literal.collection.literals[value]
        elif literal.HasField("map"):
            literal = literal.map.literals[value]
        else:
            found = msgpack.unpackb(literal.scalar.binary.value, strict_map_key=False)
            for rest in path[number:]:
                found = found[
                    rest.string_value if rest.HasField("string_value") else rest.int_value
                ]
            binary = literals_pb2.Binary(value=msgpack.packb(found), tag="msgpack")
            return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))
    return literal
