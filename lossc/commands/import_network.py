"""``lossc import``: the loss layers of a Caffe network as a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail

Network = Annotated[Path, typer.Argument(metavar="FILE.prototxt", help="A network of Caffe.")]
Name = Annotated[str | None, typer.Option("--name", help="Of the spec. [the file's]")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write. [standard output]"),
]


def import_network(network: Network, name: Name = None, output: Output = None) -> None:
    """Write the spec of a network's losses: EuclideanLoss and AdaptiveWeightEucLoss layers."""
    if output is not None:
        check_writable(output, (".lossc", ".yaml", ".yml"), "--output")
    from lossc.compiler.build import build
    from lossc.grammar.caffe import spec_of_network
    from lossc.grammar.load import read
    from lossc.grammar.parser import parse_specs
    from lossc.grammar.prototxt import MAX_NETWORK
    from lossc.grammar.reformat import reformat
    from lossc.grammar.source import Source

    text = spec_of_network(read(network, MAX_NETWORK), name or network.stem)
    source = Source("<imported>", text)
    for spec in parse_specs(source):
        build(spec)  # what is written can be read
    in_yaml = output is not None and output.suffix.lower() != ".lossc"
    text = reformat(source, yaml=False, to_yaml=in_yaml)
    if output is None:
        typer.echo(text.encode(), nl=False)
        return
    try:
        write_atomically(output, text)
    except OSError as error:
        fail(f"cannot write '{output}': {error.strerror or error}")
    complain(f"wrote {output}; 'lossc check {output}' tries it")
