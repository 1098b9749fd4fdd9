"""The four stages that were found: as text, as a table, as a graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from lossc.compiler.forms import Form, form_of
from lossc.compiler.ir.graph import labelled, topological
from lossc.compiler.ir.node import Index, Node
from lossc.compiler.ir.text import text
from lossc.compiler.plan import Plan
from lossc.compiler.refactor.families import Family
from lossc.compiler.refactor.rows import RowFamily
from lossc.compiler.schedules import SchedulePlan
from lossc.compiler.surrogate import SurrogatePlan
from lossc.grammar import syntax as sx
from lossc.grammar.source import Span

if TYPE_CHECKING:
    from networkx import DiGraph

Row = dict[str, str]
NAMES = ("score", "comparison", "binary", "metric")


@dataclass(frozen=True)
class Stages:
    """score -> comparison -> binary -> metric; ``str()`` is readable."""

    plan: Plan
    surrogate: SurrogatePlan | None
    schedules: SchedulePlan | None = None

    def rows(self) -> list[Row]:
        """One entry a part: stage, name, expression, condition, count, ties, where it stands."""
        plan = self.plan
        listed = [self._score(entry) for entry in plan.graph.spec.inputs if entry.kind.live]
        if not plan.is_metric:
            listed += [self._term(name, node) for name, node in terms_of(plan.graph.root)]
            expression, where = text(plan.graph.root), self._where(plan.root)
            return [*listed, self._row("loss", "loss", expression, where=where)]
        listed += [self._comparison(n, row) for n, row in enumerate(plan.families, start=1)]
        listed += [self._binary(n, row) for n, row in enumerate(plan.families, start=1)]
        for name, node in definitions(plan.root):
            expression = text(node.args[0])
            listed.append(self._row("metric", name, expression, where=self._where(node)))
        where = self._where(plan.graph.root)
        listed.append(self._row("metric", plan.graph.goal, text(plan.root), where=where))
        return listed

    def _term(self, name: str, node: Node) -> Row:
        """A term, or a pair of `adaptive`, before it is weighed."""
        return self._row("term", name, text(node.args[0]), where=self._where(node))

    def _comparison(self, number: int, row: RowFamily) -> Row:
        family = row.family
        return self._row(
            "comparison",
            f"c{number}",
            f"{text(family.left)} - {_bracketed(text(family.right))}",
            count(row),
            where=self._where(family.binary),
            condition="" if family.stored.op == "const" else text(family.stored),
        )

    def _binary(self, number: int, row: RowFamily) -> Row:
        name = f"wins{number}" + (f"[{_letters(row.rows)}]" if row.rows else "")
        won = f"[c{number} > 0]"
        if row.columns:
            won = f"sum[{_letters(row.columns)}] {won}"
        sizes = " * ".join(str(index.extent.size) for index in row.rows) or "1"
        where = self._where(row.family.binary)
        return self._row("binary", name, won, sizes, tie_rule(row), where)

    def _score(self, entry: sx.Input) -> Row:
        name, dims = entry.name.id, [str(dim.size) for dim in entry.kind.dims]
        expression = f"{name}: real[{', '.join(dims)}]"
        return self._row("score", name, expression, " * ".join(dims), where=place(entry.span))

    def _row(
        self,
        stage: str,
        name: str,
        expression: str,
        number: str = "",
        ties: str = "",
        where: str = "",
        condition: str = "",
    ) -> Row:
        return {
            "stage": stage,
            "name": name,
            "expression": expression,
            "condition": condition,
            "count": number,
            "ties": ties,
            "where": where,
        }

    def _where(self, node: Node) -> str:
        """``pckh.lossc:13:38``."""
        return place(node.span) if node.span is not None else ""

    @property
    def form(self) -> str:
        """``row-count``, ``dense``, or ``differentiable`` for a loss."""
        return self.plan.form if self.plan.is_metric else "differentiable"

    @property
    def shape(self) -> Form:
        """What the metric takes of its binaries, and what that costs."""
        return form_of(self.plan, self._sorts)

    @property
    def _sorts(self) -> bool:
        """Whether many pairs of items are sorted, and not compared one by one."""
        surrogate = self.surrogate
        if surrogate is None or not surrogate.relaxation.powers:
            return False
        if surrogate.interpolation == "substitute":
            return any(self.plan.pairs) and not _by_products(self.plan, surrogate)
        sampled = surrogate.samples_best
        return surrogate.interpolation == "idw" and self.plan.best_pairs and not sampled

    @property
    def best(self) -> str:
        """Where the best configuration comes from."""
        if not self.plan.is_metric:
            return ""
        if not self.plan.needs_best:
            return "not needed"
        if not self.plan.uses_truth:
            return "every comparison won (by sign propagation)"
        ties = "; equal ones in the order of the scores" if self.plan.free_ties else ""
        if self.plan.ideal:
            return f"at {self.plan.ideal}{ties} (suggested by the metric, beaten by nothing tried)"
        return f"from the spec's truth{ties}"

    def summary(self) -> dict[str, str]:
        """Form, best configuration and surrogate of a metric; what is scheduled."""
        scheduled = {} if self.schedules is None else {"schedule": str(self.schedules)}
        if not self.plan.is_metric:
            return scheduled
        found = {"form": str(self.shape), "best": self.best, "surrogate": str(self.surrogate)}
        return {**found, **scheduled}

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "spec": self.plan.graph.spec.name.id,
            "goal": self.plan.graph.goal,
            "form": self.form,
            "counted": self.shape.name,
            "cost": self.shape.cost,
            "best": self.best,
            "surrogate": None if self.surrogate is None else dict(self.surrogate.options),
            "schedule": None if self.schedules is None else str(self.schedules),
            "rows": self.rows(),
        }

    def graph(self) -> DiGraph[str]:
        """Nodes carry ``label`` and ``stage``; edges run from what is used to what uses it."""
        return stage_graph(self)

    def __str__(self) -> str:
        lines = []
        for row in self.rows():
            extra = [f"where {row['condition']}"] if row["condition"] else []
            extra += [row["ties"]] if row["ties"] else []
            if row["stage"] == "comparison":
                extra.append(f"{row['count']} of them")
            lines.append(
                f"{row['stage']:<11} {shown(row)}" + (f"   ({'; '.join(extra)})" if extra else "")
            )
        lines += [f"{name:<11} {value}" for name, value in self.summary().items()]
        return "\n".join(lines)


def _by_products(plan: Plan, surrogate: SurrogatePlan) -> bool:
    """Whether a t-norm is taken over rows of pairs, which writes them out."""
    literals = (dict(node.attrs).get("literal") for node in topological([plan.root]))
    return surrogate.interpolation == "substitute" and any(said is not None for said in literals)


def tie_rule(row: RowFamily) -> str:
    """What a comparison of equal scores counts as."""
    tie = row.family.tie
    if tie.op == "const":
        return "a tie is won" if tie.value else "a tie is lost"
    return f"a tie is won where {text(tie)}"


def count(row: RowFamily) -> str:
    """How many comparisons a family has, in dims; an upper bound where filters decide."""
    family = row.family
    sizes = [str(index.extent.size) for index in row.axes]
    everything = " * ".join(sizes) or "1"
    if family.stored.op == "const":
        return everything
    if family.mirrored is not None and not _filtered(family):
        item = sizes[-1]
        return " * ".join([*sizes[:-2], f"{item} * ({item} - 1) / 2"])
    apart = family.stored
    if apart.op == "ne" or (apart.op == "not" and apart.args[0].op == "eq"):
        return " * ".join([*sizes[:-1], f"({sizes[-1]} - 1)"])
    return f"at most {everything}"


def _filtered(family: Family) -> bool:
    """Whether a filter keeps some pairs of a mirrored family apart."""
    assert family.mirrored is not None
    pair = {index.name for index in family.mirrored}
    return any(
        c.op != "ne" or {side.name for side in c.indices} != pair
        for context in family.contexts
        for c in context
    )


def place(span: Span) -> str:
    """``pckh.lossc:13:38``: the file's name is enough to find a spec again."""
    return f"{PurePath(span.source.name).name}:{span.line}:{span.column}"


def definitions(root: Node) -> list[tuple[str, Node]]:
    """The definitions that the metric uses, in order."""
    found = [node for node in topological([root]) if node.op == "define"]
    return [(f"{n.name}[{_letters(n.bound)}]" if n.bound else n.name, n) for n in found]


def terms_of(root: Node) -> list[tuple[str, Node]]:
    """The terms of a loss that has any, in the order of `combine`."""
    if root.op != "combine":
        return []
    names = root.attr("names")
    assert isinstance(names, tuple)
    return list(zip(names, root.args, strict=False))


def stage_graph(stages: Stages) -> DiGraph[str]:
    """The stages as a graph of a few nodes that a person can read."""
    plan, rows = stages.plan, stages.rows()
    # a pair of `adaptive` is called as its prediction is
    nodes = {
        f"term {row['name']}" if row["stage"] == "term" else row["name"]: {
            "label": shown(row),
            "stage": row["stage"],
        }
        for row in rows
    }
    if not plan.is_metric:
        found = terms_of(plan.graph.root)
        found = [(f"term {name}", node) for name, node in found]
        into = found or [("loss", plan.graph.root)]
        reached = [
            (used.name, name)
            for name, node in into
            for used in topological([node])
            if used.op == "input" and used.live
        ]
        return labelled(nodes, [*reached, *((name, "loss") for name, _ in found)])
    edges: list[tuple[str, str]] = []
    binary_names = [row["name"] for row in rows if row["stage"] == "binary"]
    for number, (family, binary) in enumerate(zip(plan.families, binary_names, strict=True), 1):
        for node in topological([family.family.left, family.family.right]):
            if node.op == "input" and node.live:
                edges.append((node.name, f"c{number}"))
        edges.append((f"c{number}", binary))
    for name, node in [*definitions(plan.root), (plan.graph.goal, plan.root)]:
        for used in _used(node.args[0] if node.op == "define" else node):
            edges.append((binary_names[used] if isinstance(used, int) else used, name))
    return labelled(nodes, edges)


def shown(row: Row) -> str:
    """``name = expression``, without repeating a name that the expression begins with."""
    name, expression = row["name"], row["expression"]
    return expression if expression.startswith(f"{name}:") else f"{name} = {expression}"


def _used(root: Node) -> list[int | str]:
    """Family numbers and definition names right below a definition."""
    found: list[int | str] = []
    stack, seen = [root], {root}
    while stack:
        node = stack.pop()
        if node.op == "ones":
            found.append(node.family)
        elif node.op == "define":
            found.append(f"{node.name}[{_letters(node.bound)}]" if node.bound else node.name)
            continue
        for arg in node.args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return found


def _letters(indices: tuple[Index, ...]) -> str:
    return ", ".join(index.name for index in indices)


def _bracketed(expression: str) -> str:
    return f"({expression})" if any(sign in expression for sign in (" + ", " - ")) else expression
