"""Specs: to YAML and back, identities that stay, and mistakes that are named."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled import nn
from unrolled.data import Vocabulary
from unrolled.errors import InputError, SpecError, UnknownName, UserCodeError
from unrolled.spec import (
    CELLS,
    LAYERS,
    NETWORKS,
    TASKS,
    GraphTimeModelSpec,
    ModelSpec,
    RunSpec,
    TextSpec,
    TrainingSpec,
    build_layer,
    build_model,
    build_task,
    default_spec,
    dump_yaml,
    is_user_cell,
    parse,
    read_yaml,
    resolve,
)


def from_yaml(text: str, folder: Path) -> RunSpec:
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return parse(read_yaml(path))


# ── there and back ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("task", TASKS)
def test_yaml_there_and_back(task: str, tmp_path: Path) -> None:
    spec = default_spec(task)
    assert spec.task_name == task
    assert from_yaml(dump_yaml(spec), tmp_path) == spec
    assert parse(spec.to_mapping()) == spec
    assert set(yaml.safe_load(dump_yaml(spec))["training"]) == {f.name for f in dataclasses.fields(TrainingSpec)}


def values_of(section: type) -> st.SearchStrategy[dict[str, Any]]:
    """Any values that the fields' types allow; some of them cannot be together."""
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(0, 10**6),
        float: st.floats(1e-12, 0.99) | st.sampled_from([0.0, 1e-3, 1e-7, 0.1]),
        bool: st.booleans(),
        str: st.sampled_from(["rnn", "gru", "lstm", "peephole", "full-peephole", "auto", "a: b #c", "ä – 1e3", "null"]),
        type(None): st.none(),
    }

    def strategy(hint: Any) -> st.SearchStrategy[Any]:
        if hint in by_type:
            return by_type[hint]
        parts = get_args(hint)
        if all(isinstance(part, str) for part in parts):
            return st.sampled_from(parts)
        return st.one_of([strategy(part) for part in parts])

    hints = get_type_hints(section)
    return st.fixed_dictionaries({}, optional={key: strategy(hint) for key, hint in hints.items()})


SECTIONS = st.sampled_from(sorted(TASKS)).flatmap(
    lambda task: st.fixed_dictionaries(
        {
            "task": values_of(TASKS[task].spec).map(lambda fields: {"name": task, **fields}),
            "model": values_of(ModelSpec),
            "training": values_of(TrainingSpec),
        }
    )
)


@settings(max_examples=120, deadline=None)
@given(SECTIONS)
def test_any_spec_that_can_be_comes_back_from_yaml(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, Any]
) -> None:
    try:
        spec = parse(sections)
    except InputError as error:
        assert len(str(error)) > 10
        return
    again = from_yaml(dump_yaml(spec), tmp_path_factory.getbasetemp())
    assert again == spec
    assert again.identity() == spec.identity()


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["task", "model", "training", "format", None]),
)
def test_anything_else_is_refused_in_words(value: Any, section: str | None) -> None:
    mapping = value if section is None else {"task": {"name": "palindromes"}, section: value}
    with contextlib.suppress(InputError):
        parse(mapping)


# ── identity ─────────────────────────────────────────────────────────────────────────────────────────────────────

IDENTITIES = {
    "palindromes": "bedccf3cdd9cad8f",
    "binary-palindromes": "825cf83028fa6a15",
    "random-combinations": "9ade3f17dabaa48c",
    "baum-sweet": "ebf408d508c853ef",
    "copying": "ceed6d356e81a242",
    "adding": "0dcb1bfccf601200",
    "text": "18a9de0c73320569",
    "nodes": "4b5da5a1a66f3bb0",
    "protein": "22f14ef3b4a7a05a",
    "sensors": "2c7fd5872008fc9f",
}


@pytest.mark.parametrize("task", TASKS)
def test_identities_stay(task: str) -> None:
    """Runs on people's disks are known by these: they change only with FORMAT."""
    assert default_spec(task).identity() == IDENTITIES[task]


def test_a_pinned_identity_of_changed_options() -> None:
    spec = default_spec("palindromes", length=20, cell="gru", learning_rate=3e-4, clip=None, stop="solved", seed=5)
    assert spec.identity() == "269e24e52c9ff977"


OTHER_WORDS = {
    "never": "validation",
    "lstm": "rnn",
    "gru": "rnn",
    "auto": "cpu",
    "gcn": "sage",
    "15,10": "25,10",
    "1,5,10": "1,2",
    "0,1,2,4": "0",
    "24,168": "24",
    "1,3,6,12": "1,3",
    "graph": "node-recurrent",
    "graph-recurrent": "node-recurrent",
}


def other(value: Any, hint: Any) -> Any:
    """Another value of the field's type."""
    if isinstance(value, str) and value in OTHER_WORDS:
        return OTHER_WORDS[value]
    choices = [part for part in get_args(hint) if isinstance(part, str) and part != value]
    if choices:
        return choices[0]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.5 if value != 0.5 else 0.25
    if isinstance(value, str):
        return "other.txt"
    return "0" * 64 if str in get_args(hint) else 3


OWN = {"trajectory": "one.dcd", "structure": "one.psf"}
NEEDS: dict[str, dict[str, Any]] = {
    "reset_before": {"cell": "gru"},
    "nonlinearity": {"cell": "rnn"},
    "embedding": {"input": "embedding"},
    "tied": {"input": "embedding"},
    "heads": {"layer": "gat"},
    "output_heads": {"layer": "gat"},
    "attention_dropout": {"layer": "gat"},
    "aggregation": {"layer": "sage"},
    "seasons": {"seasons": "24,168"},
    "trajectory": OWN,
    "structure": OWN,
    "test": OWN,
    "test_structure": {**OWN, "test": "two.dcd"},
}
"""What must be so for an option to be one."""


@pytest.mark.parametrize("task", TASKS)
def test_every_option_is_part_of_the_identity(task: str) -> None:
    spec = default_spec(task)
    for section in ("task", "model", "training"):
        for key, hint in get_type_hints(type(getattr(spec, section))).items():
            if key == ("look_every" if task == "nodes" else "decay"):
                continue  # there is nothing to choose from
            if key == "curriculum" and TASKS[task].size is None:
                continue  # there is nothing to grow
            fields = {field.name for field in dataclasses.fields(getattr(spec, section))}
            needed = {name: value for name, value in NEEDS.get(key, {}).items() if name in fields}
            before = dataclasses.replace(getattr(spec, section), **needed)
            after = dataclasses.replace(before, **{key: other(getattr(before, key), hint)})
            one, two = (dataclasses.replace(spec, **{section: value}).identity() for value in (before, after))
            assert one != two, f"{section}.{key}"


def test_the_task_is_part_of_the_identity() -> None:
    assert len({default_spec(task).identity() for task in TASKS}) == len(TASKS)


def test_a_layers_own_paper_decides_what_is_left_out() -> None:
    gcn, gat = default_spec("nodes"), default_spec("nodes", layer="gat", dropout=0.1)
    assert (gcn.on_graph.hidden, gcn.training.learning_rate, gcn.training.decay) == (16, 0.01, "first-layer")
    assert (gat.on_graph.hidden, gat.on_graph.heads, gat.training.learning_rate) == (8, 8, 0.005)
    assert (gat.on_graph.dropout, gat.on_graph.attention_dropout) == (0.1, 0.6)  # what is given stays
    assert default_spec("nodes", batching="clusters").training.batch == 4
    assert set(LAYERS) == set(nn.GRAPH_LAYERS)
    for layer in LAYERS:
        spec = default_spec("nodes", layer=layer)
        assert spec.network == layer
        assert parse(spec.to_mapping()) == spec


@pytest.mark.parametrize("task", ["protein", "sensors"])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_carries_the_tasks_defaults(task: str, network: str, tmp_path: Path) -> None:
    for options in ({}, {"layer": "cheb"}, {"layer": "sage"}):
        if options and "layer" not in NETWORKS[network].options:
            continue
        spec = default_spec(task, network=network, **options)
        assert from_yaml(dump_yaml(spec), tmp_path) == spec
    own = GraphTimeModelSpec(network=network)  # the section's own defaults, which are not the protein's
    assert dataclasses.replace(default_spec(task), model=own).over_time == own


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        (
            "sensors",
            {"network": "dcrnn", "layer": "sage"},
            "layer is 'sage' but network is 'dcrnn': it is an option of graph-recurrent and graph",
        ),
        (
            "sensors",
            {"network": "gconv-gru", "normalisation": "random-walk"},
            "normalisation is 'random-walk' but network is 'gconv-gru': it is an option of graph-recurrent and graph",
        ),
        (
            "protein",
            {"network": "graph", "cell": "lstm"},
            "cell is 'lstm' but network is 'graph': it is an option of graph-recurrent and node-recurrent",
        ),
        (
            "protein",
            {"network": "node-recurrent", "hops": 3},
            "hops is 3 but network is 'node-recurrent': it is an option of graph-recurrent, gconv-rnn, gconv-gru, "
            "gconv-lstm, dcrnn and graph",
        ),
        (
            "sensors",
            {"network": "node-recurrent", "hops": 2},
            "hops is 2 but network is 'node-recurrent'",
        ),
        (
            "protein",
            {"network": "graph-recurrent", "layer": "sage", "hops": 3},
            "hops is 3 but layer is 'sage': it is an option of gcn and cheb",
        ),
        (
            "sensors",
            {"network": "graph", "layer": "cheb", "normalisation": "random-walk"},
            "normalisation is 'random-walk' but layer is 'cheb': it is an option of gcn",
        ),
    ],
)
def test_an_option_of_another_network_is_refused(task: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        default_spec(task, **options)
    assert words in str(caught.value)


def test_every_network_reads_the_options_that_it_says() -> None:
    """Another value of an option makes another layer: other weights, or others of its settings."""

    def made(**changes: Any) -> str:
        spec = GraphTimeModelSpec(hidden=6, embedding=6, **changes)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layer = NETWORKS[spec.network].build(spec, 4)
        return f"{layer} {[(name, tuple(weight.shape)) for name, weight in layer.state_dict().items()]}"

    others = {"layer": "sage", "cell": "lstm", "hops": 3, "normalisation": "random-walk"}
    for network, entry in NETWORKS.items():
        for option, value in others.items():
            differs = made(network=network) != made(network=network, **{option: value})
            assert differs == (option in entry.options), f"{network}, {option}"


def test_cells_and_layers_are_told_apart() -> None:
    cells, layers = default_spec("palindromes"), default_spec("nodes")
    assert cells.recurrent.cell == cells.network == "lstm"
    with pytest.raises(SpecError, match="has a network of cells"):
        _ = cells.on_graph
    with pytest.raises(SpecError, match="has a network of graph layers"):
        _ = layers.recurrent


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task: {name: palindrome}", "no task 'palindrome'; did you mean 'palindromes'"),
        ("task: {length: 3}", "task.name is missing; tasks: palindromes"),
        ("task: {name: palindromes, lenght: 3}", "no key 'task.lenght'; did you mean 'task.length'"),
        ("task: {name: palindromes}\nmodle: {}", "no key 'modle'; did you mean 'model'"),
        ("task: {name: palindromes}\nmodel: {hiden: 3}", "no key 'model.hiden'; did you mean 'model.hidden'"),
        ("task: {name: palindromes}\nmodel: {cell: lstn}", "no cell 'lstn'; did you mean 'lstm'"),
        ("task: {name: palindromes}\nmodel: {hidden: many}", "model.hidden is 'many': expected `int`, got `str`"),
        ("task: {name: palindromes}\nmodel: {hidden: 3.5}", "model.hidden is 3.5: expected `int`, got `float`"),
        ("task: {name: palindromes}\nmodel: {hidden: true}", "model.hidden is True: expected `int`, got `bool`"),
        ("task: {name: palindromes}\nmodel: {hidden: 0}", "hidden is 0: a layer has at least 1 unit"),
        ("task: {name: palindromes}\nmodel: {bidirectional: 1}", "model.bidirectional is 1: expected `bool`"),
        ("task: {name: palindromes}\nmodel: {input: onehot}", "model.input is 'onehot': invalid enum value"),
        ("task: {name: palindromes}\nmodel: {embedding: 4}", "embedding is 4 but input is 'one-hot'"),
        ("task: {name: palindromes}\nmodel: {chrono: 9, forget_bias: 1}", "chrono and forget_bias are both given"),
        ("task: {name: palindromes}\nmodel: {reset_before: true}", "it is an option of the gru cell"),
        ("task: {name: palindromes}\nmodel: {nonlinearity: relu}", "it is an option of the rnn cell"),
        ("task: {name: palindromes}\ntraining: {learning_rate: fast}", "training.learning_rate is 'fast'"),
        ("task: {name: palindromes}\ntraining: {learning_rate: -1}", "learning_rate is -1"),
        ("task: {name: palindromes}\ntraining: {learning_rate: .nan}", "learning_rate is nan"),
        ("task: {name: palindromes}\ntraining: {learning_rate: .inf}", "learning_rate is inf"),
        ("task: {name: palindromes}\ntraining: {clip: 0}", "clip is 0"),
        ("task: {name: palindromes}\ntraining: {clip: .nan}", "clip is nan"),
        ("task: {name: palindromes}\ntraining: {weight_decay: .inf}", "weight_decay is inf"),
        ("task: {name: palindromes}\ntraining: {seed: -1}", "seed is -1"),
        ("task: {name: palindromes}\ntraining: {batch: 0}", "batch is 0"),
        ("task: {name: palindromes}\ntraining: {patience: 0}", "patience is 0"),
        ("task: {name: palindromes}\ntraining: {steps: 1, steps: 2}", "line 2: the key 'steps' is given twice"),
        ("task: {name: text, held_out: 1.5}", "held_out is 1.5"),
        ("task: {name: text, window: 0}", "window is 0"),
        ("task: {name: palindromes}\ntask: {name: text}", "the key 'task' is given twice"),
        ("task: palindromes", "task is 'palindromes': a section is a mapping"),
        ("- 1", "a spec is a mapping"),
        ("format: 2\ntask: {name: palindromes}", "this spec has format 2; this version reads format 1"),
        ("task: [", "not YAML"),
        ("task: !!python/object/apply:os.system [echo]", "not YAML"),
        ("? {a: 1}\n: 2", "line 1: a key is a word, not a list or a mapping"),
        ("? [a]\n: 2", "line 1: a key is a word, not a list or a mapping"),
        ("1: 2", "no key '1'"),
        ("task: {name: palindromes}\nmodel: {forget_bias: .nan}", "forget_bias is nan"),
    ],
)
def test_mistakes(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        from_yaml(text, tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="cannot be read"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("name: Gr\xfc\xdfe".encode("latin-1"))
    with pytest.raises(SpecError, match="cannot be read"):
        read_yaml(tmp_path / "latin.yaml")


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "empty.yaml") == {}
    assert parse({}, task="palindromes") == default_spec("palindromes")


@pytest.mark.parametrize("written", ["1e-3", "0.001", "1.0e-3", "1E-3", "+1e-3", "10e-4"])
def test_floats_as_people_write_them(written: str, tmp_path: Path) -> None:
    spec = from_yaml(f"task: {{name: palindromes}}\ntraining: {{learning_rate: {written}}}", tmp_path)
    assert spec.training.learning_rate == 0.001


def test_whole_numbers_do_for_floats(tmp_path: Path) -> None:
    one = from_yaml("task: {name: palindromes}\ntraining: {clip: 5, learning_rate: 1}", tmp_path)
    same = from_yaml("task: {name: palindromes}\ntraining: {clip: 5.0, learning_rate: 1.0}", tmp_path)
    assert one == same
    assert one.identity() == same.identity()


def test_sections_left_out_take_the_tasks_defaults() -> None:
    spec = parse({"task": {"name": "text"}, "model": None, "training": {"seed": 4}})
    assert spec == default_spec("text", seed=4)
    assert spec.training.learning_rate == 2e-3


def test_the_task_said_twice_must_agree() -> None:
    with pytest.raises(SpecError, match="for the task 'text', the command is for 'palindromes'"):
        parse({"task": {"name": "text"}}, task="palindromes")


def test_changes_by_name() -> None:
    spec = default_spec("palindromes", length=20, cell="rnn", steps=600, seed=5)
    assert (spec.task.length, spec.model.cell, spec.training.steps, spec.training.seed) == (20, "rnn", 600, 5)  # type: ignore[union-attr]
    with pytest.raises(UnknownName, match="no option 'lenght'; did you mean 'length'"):
        default_spec("palindromes", lenght=3)


# ── from specs to things ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("coding", ["one-hot", "embedding", "scalar"])
def test_every_cell_with_every_coding(cell: str, coding: str) -> None:
    spec = default_spec("palindromes", cell=cell, input=coding, hidden=5, layers=2, bidirectional=True, length=4)
    task = build_task(spec)
    model = build_model(spec.model, task)
    assert isinstance(model, nn.SequenceClassifier)
    batch = task.sample(3, torch.Generator())
    assert model(batch.inputs).shape == (3, 10)


def test_the_models_width_follows_the_embedding() -> None:
    task = build_task(default_spec("palindromes"))
    for size, width in ((None, 10), (3, 3)):
        spec = default_spec("palindromes", input="embedding", embedding=size, hidden=4)
        model = build_model(spec.model, task)
        assert model.coding(torch.zeros(1, 1, dtype=torch.int64)).shape == (1, 1, width)


def forget_bias(**options: Any) -> float | None:
    """The forget gate's bias, both vectors summed, where all its units have the same."""
    spec = default_spec("palindromes", hidden=6, **options)
    layer = build_model(spec.model, build_task(spec)).layer
    rows = slice(6, 12)  # f is the second gate of either vector, whether the candidate is in it or not
    gate = (layer.bias_ih_l0[rows] + layer.bias_hh_l0[rows]).detach()  # type: ignore[index]
    return float(gate[0]) if len(set(gate.tolist())) == 1 else None


@pytest.mark.parametrize("cell", ["lstm", "peephole", "full-peephole"])
@pytest.mark.parametrize("bias", ["two", "one"])
@pytest.mark.parametrize("initialisation", ["xavier", "kaiming", "orthogonal"])
def test_healthy_initialisations_keep_the_memory(cell: str, bias: str, initialisation: str) -> None:
    options = {"cell": cell, "bias": bias, "initialisation": initialisation}
    assert forget_bias(**options) == 1.0
    assert forget_bias(**options, forget_bias=2.5) == 2.5
    assert forget_bias(**options, forget_bias=0.0) == 0.0


@pytest.mark.parametrize("initialisation", ["torch", "normal"])
def test_the_others_are_as_drawn(initialisation: str) -> None:
    assert forget_bias(cell="lstm", initialisation=initialisation) is None
    assert forget_bias(cell="lstm", initialisation=initialisation, forget_bias=2.0) == 2.0


OWN_CELLS = """
import torch

class Plain(torch.nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.forget = torch.nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, hidden):
        return torch.sigmoid(self.forget(torch.cat([x, hidden], -1))) * hidden

class Draws(Plain):
    told = None

    def initialise(self, name, *, forget_bias, chrono, generator):
        self.told = (name, forget_bias, chrono)

class Forgets(Plain):
    def initialise(self, name, forget_bias=None):
        pass
"""


@pytest.mark.parametrize("biases", [{"forget_bias": 1.0}, {"chrono": 40}])
@pytest.mark.parametrize("initialisation", [None, "xavier"])
def test_a_users_cell_refuses_a_forget_bias_or_sets_it(
    biases: dict[str, Any], initialisation: str | None, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN_CELLS)

    def layer(name: str, **options: Any) -> Any:
        spec = default_spec("palindromes", cell=f"{tmp_path / 'own.py'}:{name}", hidden=5, **options)
        return build_model(spec.recurrent, build_task(spec)).layer  # type: ignore[arg-type]

    with pytest.raises(InputError, match="Plain does not say where its forget gate is"):
        layer("Plain", initialisation=initialisation, **biases)
    told = layer("Draws", initialisation=initialisation, **biases).cells[0].told
    assert told == ("xavier", biases.get("forget_bias"), biases.get("chrono"))
    with pytest.raises(UserCodeError, match=r"Forgets.initialise\(name, .*\) failed: TypeError: .*'chrono'"):
        layer("Forgets", initialisation=initialisation, **biases)
    assert layer("Draws").cells[0].told is None  # it keeps what its constructor drew


def test_one_bias_vector() -> None:
    spec = default_spec("palindromes", bias="one", hidden=4, initialisation="normal")
    layer = build_model(spec.model, build_task(spec)).layer
    assert not layer.bias_hh_l0.requires_grad  # type: ignore[union-attr]
    assert not layer.bias_hh_l0.any()  # type: ignore[operator]
    assert layer.bias_ih_l0.abs().min() > 0  # type: ignore[operator,union-attr]


def test_no_bias() -> None:
    layer = build_layer(ModelSpec(bias="none", hidden=4), 3)
    assert not any("bias" in name for name, _ in layer.named_parameters())


@pytest.mark.parametrize("cell", CELLS)
def test_weights_follow_the_generator(cell: str) -> None:
    spec = default_spec("palindromes", cell=cell, hidden=4)
    task = build_task(spec)

    def weights(seed: int) -> list[torch.Tensor]:
        return list(build_model(spec.model, task, torch.Generator().manual_seed(seed)).parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


def test_resolving_fills_in_hashes(tmp_path: Path) -> None:
    text, cell = tmp_path / "tale.txt", tmp_path / "mine.py"
    text.write_text("once upon a time " * 30)
    cell.write_text("import torch\nclass Mine(torch.nn.RNNCell):\n    pass\n")
    spec = default_spec("text", source=str(text), cell=f"{cell}:Mine")
    resolved = resolve(spec)
    assert isinstance(resolved.task, TextSpec)
    assert resolved.task.text_sha256 is not None
    assert len(resolved.task.text_sha256) == 64
    assert resolved.model.cell_sha256 is not None
    assert resolve(resolved) == resolved
    assert resolve(spec, build_task(spec)) == resolved
    text.write_text("once upon another time " * 30)
    with pytest.raises(SpecError, match="this spec was made with"):
        build_task(resolved)
    cell.write_text(cell.read_text() + "# changed\n")
    with pytest.raises(UserCodeError, match="has changed"):
        build_layer(resolved.model, 3)


def test_a_spec_without_files_is_resolved_already() -> None:
    assert resolve(default_spec("baum-sweet")) == default_spec("baum-sweet")


@pytest.mark.parametrize(("cell", "own"), [("lstm", False), ("a/b.py:Cell", True), ("b.py", False)])
def test_a_users_cell_is_a_path(cell: str, own: bool) -> None:
    assert is_user_cell(cell) is own


@pytest.mark.parametrize("task", ["text", "palindromes"])
def test_regularisation_reaches_the_network(task: str) -> None:
    shares = {"dropout": 0.1, "recurrent_dropout": 0.2, "output_dropout": 0.3}
    tied = {"input": "embedding", "tied": True} if task == "text" else {}
    spec = default_spec(task, layers=2, hidden=5, **shares, **tied)
    model = build_model(spec.recurrent, Vocabulary("abc") if task == "text" else build_task(spec))  # type: ignore[arg-type]
    assert model.layer.dropout == 0.1 and not model.layer.torch_masks
    assert (model.recurrent_dropout, model.output_dropout, model.tied) == (0.2, 0.3, task == "text")
    assert model.output.in_features == 5
    if task == "text":
        assert model.output.weight is model.coding.weight
