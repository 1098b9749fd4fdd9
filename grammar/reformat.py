"""A text in its canonical form, in the DSL or in YAML, with all its comments."""

from __future__ import annotations

from collections import Counter

from lossc.grammar import syntax as ast
from lossc.grammar.comments import Comments, comments_of, printable
from lossc.grammar.errors import Diagnostic, InternalError, SpecError
from lossc.grammar.format_dsl import dsl_of
from lossc.grammar.parser import parse_specs
from lossc.grammar.source import Source


def reformat(source: Source, *, yaml: bool, to_yaml: bool) -> str:
    """The canonical form of a text.

    Args:
        source: What a file holds.
        yaml: It is a YAML document, and no ``.lossc`` text.
        to_yaml: What it shall be.

    Raises:
        SpecError: The text is wrong, or holds several specs, which no YAML document does.
        InternalError: The new text does not mean the same, or has lost a comment.
    """
    specs, comments = _read(source, yaml)
    if to_yaml and len(specs) > 1:
        message = f"a YAML document holds one spec, and this text has {len(specs)}"
        hint = "put each of them into a file of its own first"
        raise SpecError(Diagnostic(specs[1].name.span, "bad-document", message, hint=hint))
    texts = comments.texts()
    if to_yaml:
        from lossc.grammar.format_yaml import yaml_of

        written = yaml_of(specs[0], comments)
    else:
        written = dsl_of(specs, comments)
    again, kept = _read(Source("<formatted>", written), to_yaml)
    if again != specs:
        raise InternalError(f"the formatted text does not mean the same:\n{written}")
    if Counter(map(printable, kept.texts())) != Counter(map(printable, texts)):
        raise InternalError(f"the formatted text has not the same comments:\n{written}")
    return written


def _read(source: Source, yaml: bool) -> tuple[tuple[ast.Spec, ...], Comments]:
    if not yaml:
        return parse_specs(source), comments_of(source)
    from lossc.grammar.document import read_tree, read_yaml
    from lossc.grammar.yaml_comments import comments_of_yaml

    spec = read_yaml(source)
    return (spec,), comments_of_yaml(source, read_tree(source))
