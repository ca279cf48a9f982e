"""Public functions say what they take and give."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "colorize"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(parent: ast.Module | ast.ClassDef) -> Iterator[Function]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield node


def is_command(function: Function) -> bool:
    """Whether its docstring is the help of a command, for which typer shows the arguments itself."""
    return any(ast.unparse(each).startswith("app.command") for each in function.decorator_list)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_public_function_of_several_arguments_describes_them(path: Path) -> None:
    """One without a docstring, or that names another, is a method that is described where it was first declared."""
    silent = []
    for function in public_functions(ast.parse(path.read_text(encoding="utf-8"))):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        several = len([each for each in arguments if each.arg not in ("self", "cls")]) > 1
        docstring = ast.get_docstring(function) or ""
        is_elsewhere = not docstring or docstring.startswith("See `")
        if several and not is_elsewhere and "Args:" not in docstring and not is_command(function):
            silent.append(f"line {function.lineno}: {function.name}")
    assert silent == []
