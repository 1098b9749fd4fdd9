"""The laws of the formatter: nothing is lost, nothing moves a second time."""

import re
import time
from collections import Counter

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lossc import specs as bundled
from lossc.grammar.comments import comments_of, printable
from lossc.grammar.document import read_tree, read_yaml
from lossc.grammar.errors import SpecError
from lossc.grammar.format import to_dsl, to_yaml
from lossc.grammar.load import read
from lossc.grammar.parser import parse_specs
from lossc.grammar.reformat import reformat
from lossc.grammar.source import Source, Span
from lossc.grammar.tokens import tokenise
from lossc.grammar.yaml_comments import comments_of_yaml
from tests.grammar.trees import Trees

quick = settings(
    max_examples=80, deadline=None, database=None, derandomize=True, phases=[Phase.generate]
)
seeds = st.integers(0, 2**32)
_TEXTS = [
    "#",
    "# a",
    "# b: c",
    "#!x",
    "## spec let",
    '# "quoted',
    "# é 😀",
    "# a # b",
    "#\t[",
    "# |",
]


def source(text):
    return Source("<test>", text)


def dsl(text, to_yaml=False):
    return reformat(source(text), yaml=False, to_yaml=to_yaml)


def yaml(text, to_yaml=True):
    return reformat(source(text), yaml=True, to_yaml=to_yaml)


def remarks(text, yaml=False):
    if yaml:
        comments = comments_of_yaml(source(text), read_tree(source(text)))
    else:
        comments = comments_of(source(text))
    return Counter(comments.texts())


def scattered(text, random):
    """A DSL text with other white space and comments between its words."""
    tokens, _ = tokenise(text, lambda start, end: Span(source(text), start, end))
    pieces, expected = [], Counter()
    for token in tokens:
        pieces.append(token.span.text)
        for _ in range(random.choice([0, 0, 0, 0, 1, 2])):
            comment = random.choice(_TEXTS)
            expected[comment] += 1
            pieces.append(random.choice(["", " ", "\n", "\n\n  "]) + comment + "\n")
        pieces.append(random.choice([" ", " ", "\n", "\n\n", "\t"]))
    return "".join(pieces), expected


def annotated(text, random):
    """A YAML text with comments behind its lines and between them."""
    lines, expected = [], Counter()
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if random.random() < 0.2:
            comment = random.choice(_TEXTS)
            expected[comment] += 1
            lines += [*random.choice([[], [""]]), indent + comment, *random.choice([[], [""]])]
        if random.random() < 0.2:
            comment = random.choice(_TEXTS)
            expected[comment] += 1
            line += f" {comment}"
        lines.append(line)
    return "\n".join([*lines, "# end"]) + "\n", expected + Counter(["# end"])


@quick
@given(seeds)
def test_a_dsl_text_keeps_its_meaning_and_its_comments(seed):
    trees = Trees(seed)
    spec = trees.spec()
    text, comments = scattered(to_dsl(spec), trees.random)
    assert remarks(text) == comments
    once = dsl(text)
    assert parse_specs(source(once)) == (spec,)
    assert remarks(once) == comments
    assert dsl(once) == once


@quick
@given(seeds)
def test_a_yaml_text_keeps_its_meaning_and_its_comments(seed):
    trees = Trees(seed)
    spec = trees.spec()
    text, comments = annotated(to_yaml(spec), trees.random)
    assert remarks(text, yaml=True) == comments
    once = yaml(text)
    assert read_yaml(source(once)) == spec
    assert remarks(once, yaml=True) == comments
    assert yaml(once) == once


@quick
@given(seeds)
def test_conversion_loses_nothing_and_settles(seed):
    trees = Trees(seed)
    spec = trees.spec()
    text, comments = scattered(to_dsl(spec), trees.random)
    there = dsl(text, to_yaml=True)
    back = yaml(there, to_yaml=False)
    assert remarks(there, yaml=True) == remarks(back) == comments
    assert read_yaml(source(there)) == spec
    assert parse_specs(source(back)) == (spec,)
    assert yaml(there) == there
    assert dsl(back) == back
    assert dsl(yaml(dsl(back, to_yaml=True), to_yaml=False)) == dsl(back)


@pytest.mark.parametrize("name", bundled.names())
def test_bundled_specs_survive_every_conversion(name):
    path = bundled.path(name)
    text, is_yaml = read(path), path.suffix == ".yaml"
    there = reformat(text, yaml=is_yaml, to_yaml=not is_yaml)
    back = reformat(source(there), yaml=not is_yaml, to_yaml=is_yaml)
    assert remarks(back, is_yaml) == remarks(text.text, is_yaml)
    assert reformat(source(back), yaml=is_yaml, to_yaml=is_yaml) == back
    lines = [line for line in back.splitlines() if not line.startswith(("doc", "source"))]
    assert max(map(len, lines)) <= 100


UNTIDY = """\
# the head

# about the spec
spec a # its name
# what is given
input x, # first
      y: real[n] # both


# far away

input z: bool[n]
evaluate mean[i | z[i]] # who counts
  [x[i] > y[i]] else 0 # the goal
# a helper
let unused = 1 doc "Late." # last
# the end
# of it
"""
TIDY = """\
# the head

# about the spec
spec a  # its name
doc "Late."  # last

# what is given
# first
input x: real[n]  # both
input y: real[n]

# far away

input z: bool[n]

# a helper
let unused = 1
# who counts
evaluate mean[i | z[i]] [x[i] > y[i]] else 0  # the goal

# the end
# of it
"""
TIDY_YAML = """\
# the head

# about the spec
lossc: 1
name: a  # its name
doc: Late.  # last
inputs:
  # what is given
  # first
  x: real[n]  # both
  y: real[n]

  # far away

  z: bool[n]
let:
  # a helper
  unused: 1
# who counts
evaluate: mean[i | z[i]] [x[i] > y[i]] else 0  # the goal

# the end
# of it
"""


def test_comments_stay_with_their_statements():
    assert dsl(UNTIDY) == TIDY
    assert dsl(UNTIDY, to_yaml=True) == TIDY_YAML
    assert yaml(TIDY_YAML) == TIDY_YAML
    assert yaml(TIDY_YAML, to_yaml=False) == TIDY


YAML = """\
%YAML 1.2
---
# top
lossc: 1  # version
# the name
name: "a"   # quoted
doc: "with # in it"
inputs:   # what comes
  # the scores
  x: "real[n] # in the text"
  y: {y}   # flow
# section
let: {a: x, # in flow
      b: "2"}  # behind
evaluate: | # header
  mean[i]      # one
    [x[i] > a] # two
# options
surrogate:
  step: {kind: sigmoid, # within
         temperature: "1"}
examples: # of it
- x: [1, # cell
      2]
  gives: 3   # given
...
# tail
"""


def test_every_place_of_a_yaml_comment():
    text = YAML.replace("{y}", "'bool[n]'")
    words = """top/version/the name/quoted/what comes/the scores/in the text/flow/section/in flow
        behind/header/one/two/options/within/of it/cell/given/tail"""
    expected = [f"# {word.strip()}" for word in re.split("[/\n]", words)]
    assert list(remarks(text, yaml=True)) == expected
    assert (
        yaml(text)
        == """\
# top
lossc: 1  # version
# the name
name: a  # quoted
doc: "with # in it"
# what comes
inputs:
  # the scores
  # in the text
  x: real[n]
  y: bool[n]  # flow
# section
let:
  a: x  # in flow
  b: 2  # behind
# header
# one
# two
evaluate: mean[i] [x[i] > a]
# options
surrogate:
  # within
  step: sigmoid(temperature = "1")
# of it
examples:
  # cell
  - {x: [1, 2], gives: 3}  # given

# tail
"""
    )
    back = yaml(text, to_yaml=False)
    assert remarks(back) == Counter(expected)
    assert dsl(back) == back


LONG = """\
spec long
input alpha, beta, gamma, delta, epsilon: real[n]
let a[i] = max(alpha[i] * beta[i], gamma[i] * delta[i]) + max(epsilon[i], alpha[i]) - min(beta[i],
  gamma[i])
let b[i] = alpha[i] > 0 and beta[i] > 0 and gamma[i] > 0 and delta[i] > 0 and epsilon[i] > 0 or
  alpha[i] < 1
let c = mean[i | alpha[i] > 0 and beta[i] > 0] (alpha[i] * beta[i] * gamma[i] * delta[i] *
  epsilon[i] + 1)
evaluate mean[i | b[i]] [a[i] * alpha[i] * beta[i] > c] else mean[j | b[j]] [a[j] * alpha[j] > c]
  else 0.5
example alpha = [0.5, 0.25], beta = [0.5, 0.25], gamma = [0.5, 0.25], delta = [0.5],
  epsilon = [1] gives 0
"""
WRAPPED = """\
let a[i] = max(alpha[i] * beta[i], gamma[i] * delta[i])
    + max(epsilon[i], alpha[i])
    - min(beta[i], gamma[i])
let b[i] = alpha[i] > 0 and beta[i] > 0 and gamma[i] > 0 and delta[i] > 0 and epsilon[i] > 0
    or alpha[i] < 1
let c = mean[i | alpha[i] > 0 and beta[i] > 0] (
    alpha[i] * beta[i] * gamma[i] * delta[i] * epsilon[i] + 1
)
evaluate mean[i | b[i]] [a[i] * alpha[i] * beta[i] > c]
    else mean[j | b[j]] [a[j] * alpha[j] > c] else 0.5

example alpha = [0.5, 0.25],
    beta = [0.5, 0.25],
    gamma = [0.5, 0.25],
    delta = [0.5],
    epsilon = [1]
    gives 0
"""


def test_long_expressions_are_wrapped():
    once = dsl(LONG)
    assert once.endswith(WRAPPED)
    there = dsl(LONG, to_yaml=True)
    assert max(map(len, there.splitlines())) <= 100
    assert "  c: mean[i | alpha[i] > 0" not in there
    assert "  c: |\n    mean[i | alpha[i] > 0" in there
    assert yaml(there, to_yaml=False) == once


@quick
@given(seeds)
def test_lines_are_short_where_they_can_be(seed):
    """What is longer than a line has no place to be broken at: a text, a name, a number."""
    trees = Trees(seed)
    for line in to_dsl(trees.spec()).splitlines():
        if len(line) > 100:
            words = line.strip().split(" ")
            assert '"' in line or len(words) <= 12 or line.startswith(("input", "doc", "source"))


def test_a_comment_that_fits_beside_no_line_stands_above():
    long = "# " + "x" * 80
    text = f"spec a\ninput x: real[n]\nevaluate mean[i] [x[i] > 0] {long}\n"
    assert f"\n{long}\nevaluate mean[i] [x[i] > 0]\n" in dsl(text)
    assert dsl(dsl(text)) == dsl(text)


def test_a_file_of_several_specs():
    one = (
        "spec a # a\ninput x: real[n]\nloss x\n"
        "# to b\nspec b\ninput x: real[n]\nloss x # x\n# end\n"
    )
    assert dsl(one) == (
        "spec a  # a\n\ninput x: real[n]\n\nloss x\n\n"
        "# to b\nspec b\n\ninput x: real[n]\n\nloss x  # x\n\n# end\n"
    )
    with pytest.raises(SpecError, match="holds one spec, and this text has 2") as caught:
        dsl(one, to_yaml=True)
    assert caught.value.diagnostics[0].span.line == 5


def test_characters_that_yaml_does_not_take_are_escaped():
    text = "spec a\ninput x: real[n]\nloss x # bell \a, line \u2028, tab \t\n"
    there = dsl(text, to_yaml=True)
    assert "loss: x  # bell \\x07, line \\u2028, tab\n" in there
    assert dsl(text).endswith("# bell \a, line \u2028, tab\n")
    assert printable("é 😀\t") == "é 😀\t"


def test_line_ends_and_byte_order_marks():
    text = "spec a # c\r\ninput x: real[n]\r\n\r\n# d\r\nloss x\r\n"
    assert dsl(text) == "spec a  # c\n\ninput x: real[n]\n\n# d\nloss x\n"


@pytest.mark.parametrize(
    "deep",
    [
        "sum[i] " * 90 + "x[i]",
        "-" * 90 + "x[1]",
        "not " * 90 + "x[1] > 0",
        "(1 else " * 45 + "1" + ")" * 45,
        "(" * 90 + "1" + ")" * 90,
        "2^" * 90 + "2",
        " + ".join(["x[1]"] * 90),
        "sort[i] " * 40 + "x[i]" + " at 1" * 40,
        "max(1, " * 90 + "1" + ")" * 90,
    ],
)
def test_deep_expressions_take_no_time(deep):
    started = time.perf_counter()
    text = f"spec a\ninput x: real[n]\nloss [{deep}]\n"
    once = dsl(text)
    assert dsl(once) == once
    assert yaml(dsl(text, to_yaml=True), to_yaml=False) == once
    assert time.perf_counter() - started < 5


@quick
@given(seeds)
def test_a_damaged_text_is_formatted_or_refused(seed):
    """What is read can be written: anything but a finding would be ours."""
    random = Trees(seed).random
    path = bundled.path(random.choice(sorted(bundled.names())))
    text, is_yaml = read(path).text, path.suffix == ".yaml"
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(text))
        put = random.choice(["", "", "#", " #", "\n", '"', "[", "x", ":", "- ", "\r", "\x85", "'"])
        text = text[:place] + put + text[place + random.randint(0, 2) :]
    for wanted in (False, True):
        try:
            once = reformat(source(text), yaml=is_yaml, to_yaml=wanted)
        except SpecError:
            continue
        assert reformat(source(once), yaml=wanted, to_yaml=wanted) == once


def test_a_wrong_text_is_not_formatted():
    with pytest.raises(SpecError):
        dsl("spec a\ninput x: real[n]\nloss x +\n")
    with pytest.raises(SpecError):
        yaml("lossc: 1\nname: a\n")
