"""`descend predict`: one example as numbers, an index or a picture; many from a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import Descend, assert_fails


def test_numbers_are_one_example(descend: Descend, xor: Path) -> None:
    """Commas, spaces and separate words mean the same; the classes have bars."""
    told = descend("predict", xor, "0,1")
    assert told.out.startswith("predicted: 1\n")
    assert "█████" in told.out
    assert told.err == ""
    for words in (["0 1"], ["0", "1"], ["0, 1"], ["0.0", "1e0"]):
        assert descend("predict", xor, *words).out == told.out


def test_negative_numbers_are_no_options(descend: Descend, xor: Path) -> None:
    """A minus before a digit belongs to the number."""
    assert descend("predict", xor, "-1,1").code == 0
    assert descend("predict", xor, "1", "-.5", "-q").code == 0
    assert_fails(descend("predict", xor, "--seedy", "1"), "`--seedy` is no option")


def test_all_four_answers_of_xor(descend: Descend, xor: Path) -> None:
    """The document holds the class, and probabilities that sum to one."""
    for x, y in (("0,0", "0"), ("0,1", "1"), ("1,0", "1"), ("1,1", "0")):
        (prediction,) = descend("predict", xor, x, "--json").document["predictions"]
        assert prediction["class"] == y
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)  # to rounding


def test_an_index_shows_the_truth_beside_the_prediction(descend: Descend, digits: Path) -> None:
    """Indices count from 0 in the test set, or in the split that is named."""
    told = descend("predict", digits, "3")
    assert told.out.startswith("example:   test 3\npredicted: ")
    assert "truth: " in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    document = descend("predict", digits, "3", "--split", "train", "--json").document
    assert set(document["predictions"][0]) == {"class", "probabilities", "truth"}


@pytest.mark.parametrize(
    ("index", "split", "message"),
    [
        ("359", "test", "an index into test must be from 0 to 358: 359"),
        ("99999999999999999999", "test", "an index into test must be from 0 to 358"),
        ("0", "tset", "a split of digits must be one of train, validation, test: 'tset'"),
    ],
)
def test_an_index_that_is_not_there(
    descend: Descend, digits: Path, index: str, split: str, message: str
) -> None:
    """The error names the indices or splits that there are."""
    assert_fails(descend("predict", digits, index, "--split", split), message)


def save(values: np.ndarray, path: str, mode: str | None = None) -> str:
    image = Image.fromarray(values.astype(np.uint8))
    (image if mode is None else image.convert(mode)).save(path)
    return path


def picture_of(descend: Descend, digits: Path, index: int) -> np.ndarray:
    """A test example of digits as a picture from black to white."""
    from descend.data.sources import load
    from descend.recipe import Recipe

    examples = load(Recipe.of({"data": {"source": "digits"}}).data)
    raw = examples.split("test").x[index].double().numpy().reshape(8, 8)
    return np.rint(raw * 255 / 16)


@pytest.mark.parametrize("mode", [None, "RGB", "RGBA", "LA", "P"])
def test_a_picture_is_what_its_pixels_are(descend: Descend, digits: Path, mode: str | None) -> None:
    """A test image saved as PNG in any mode gets the probabilities of its index, to rounding."""
    path = save(picture_of(descend, digits, 5), "five.png", mode)
    by_picture, by_index = (
        descend("predict", digits, given, "--json").document["predictions"][0]
        for given in (path, "5")
    )
    assert by_picture["class"] == by_index["class"]
    for name, probability in by_index["probabilities"].items():
        # a picture has 255 steps where the raw values have 16: half a step is left
        assert by_picture["probabilities"][name] == pytest.approx(probability, abs=0.02)


def test_a_picture_of_16_bits_is_scaled(descend: Descend, digits: Path) -> None:
    """White is 65,535 there."""
    values = picture_of(descend, digits, 5)
    path = save(values, "shallow.png")
    Image.fromarray((values * 257).astype(np.uint16)).save("deep.png")
    shallow, deep = (descend("predict", digits, one).out for one in (path, "deep.png"))
    assert shallow == deep


def test_inverted_colours_are_noticed_and_can_be_swapped(descend: Descend, digits: Path) -> None:
    """Dark ink on light paper gets a note on stderr; --invert makes it the image it should be."""
    values = picture_of(descend, digits, 5)
    right = descend("predict", digits, save(values, "right.png"))
    inverted = descend("predict", digits, save(255 - values, "inverted.png"))
    assert right.err == ""
    assert "note: the training images are light on a dark ground" in inverted.err
    swapped = descend("predict", digits, "inverted.png", "--invert")
    assert (swapped.out, swapped.err) == (right.out, "")
    assert descend("predict", digits, "inverted.png", "-q").err == ""


def test_a_picture_of_another_size_names_both_sizes(descend: Descend, digits: Path) -> None:
    """Nothing is scaled in secret."""
    path = save(np.zeros((28, 30)), "large.png")
    told = descend("predict", digits, path)
    assert_fails(told, "8 x 8 pixels like the training images: large.png has 30 x 28")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a picture"),
        (b"no picture", "must be a picture"),
        (None, "INPUT must be a readable file: 'some.png'"),
    ],
)
def test_a_file_that_is_no_picture(
    descend: Descend, digits: Path, content: bytes | None, message: str
) -> None:
    """A picture must be there and whole."""
    if content is not None:
        Path("some.png").write_bytes(content)
    assert_fails(descend("predict", digits, "some.png"), message)


def test_a_torn_picture(descend: Descend, digits: Path) -> None:
    """A picture whose second half is missing is refused."""
    save(np.random.default_rng(0).integers(0, 255, (8, 8)), "torn.png")
    Path("torn.png").write_bytes(Path("torn.png").read_bytes()[:80])
    assert_fails(descend("predict", digits, "torn.png"), "torn.png must be a")


def test_a_picture_for_a_network_that_knows_none(
    descend: Descend, xor: Path, of_arrays: Path
) -> None:
    """Numbers are wanted there."""
    save(np.zeros((8, 8)), "some.png")
    assert_fails(descend("predict", xor, "some.png"), "numbers", "each example has 2 numbers")
    assert_fails(descend("predict", of_arrays, "some.png"), "numbers")


def test_a_file_of_examples_has_a_row_for_each(descend: Descend, xor: Path) -> None:
    """.npy, .npz and .csv, with and without a header, give the same table."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    np.save("x.npy", x)
    np.savez("x.npz", x=x)
    Path("x.csv").write_text("left,right\n" + "\n".join(f"{a:g},{b:g}" for a, b in x))
    Path("bare.csv").write_text("0, 0\n0, 1\n\n1, 0\n1, 1\n")
    tables = [descend("predict", xor, name).out for name in ("x.npy", "x.npz", "x.csv", "bare.csv")]
    assert [line.split()[1] for line in tables[0].splitlines()] == ["predicted", *"0110"]
    assert set(tables) == {tables[0]}


def test_a_file_with_targets_shows_them(descend: Descend, xor: Path) -> None:
    """y of a .npz is the truth beside each prediction."""
    np.savez("xy.npz", x=[[0, 0], [0, 1]], y=[0, 0])
    told = descend("predict", xor, "xy.npz")
    assert [line.split()[-1] for line in told.out.splitlines()[1:]] == ["right", "wrong"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["1"], "an index into train must be from 0 to 3: 7"),
        (["1,2,3"], "an example must have 2 numbers: '1,2,3' has 3"),
        (["nan,1"], "finite"),
        (["1,inf"], "finite"),
        (["one,two"], "'one,two' is neither numbers nor a file"),
        (["nowhere.csv"], "INPUT must be a readable file: 'nowhere.csv'"),
        (["nowhere.npz"], "INPUT must be a readable file: 'nowhere.npz'"),
        (["nowhere.txt"], "INPUT must be numbers, an index or a file"),
        ([], "INPUT must be given"),
        ([","], "INPUT must be numbers"),
    ],
    ids=str,
)
def test_an_input_that_cannot_be(
    descend: Descend, xor: Path, given: list[str], message: str
) -> None:
    """The error says what the network wants."""
    assert_fails(descend("predict", xor, *(["7"] if given == ["1"] else given)), message)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "at least one example"),
        ("a.csv", b"a,b\n", "at least one example"),
        ("a.csv", b"1,2\n3\n", "line 2 is '3'"),
        ("a.csv", b"1,2\n3,x\n", "line 2 is '3,x'"),
        ("a.csv", b"1,2\n3,\n", "line 2 is '3,'"),
        ("a.csv", b"1,2,3\n", "each example must have 2 features: these have 3"),
        ("a.csv", b"1,nan\n", "finite"),
        ("a.csv", b"\xff\xfe\x00", "UTF-8"),
        ("a.npy", b"", "must be a numpy file of numbers"),
        ("a.npy", b"garbage", "must be a numpy file of numbers"),
        ("a.npz", b"PK\x03\x04garbage", "must be a numpy file of numbers"),
    ],
)
def test_a_file_that_holds_something_else(
    descend: Descend, xor: Path, name: str, content: bytes, message: str
) -> None:
    """A file is read whole or refused, with the line where it goes wrong."""
    Path(name).write_bytes(content)
    assert_fails(descend("predict", xor, name), message)


def test_nothing_in_a_file_is_executed(descend: Descend, xor: Path) -> None:
    """A numpy file of Python objects, which would be unpickled, is refused."""
    np.save("objects.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    assert_fails(descend("predict", xor, "objects.npy"), "must be a numpy file of numbers")


def test_an_npz_without_x(descend: Descend, xor: Path) -> None:
    """The names that the file has are named."""
    np.savez("other.npz", features=[1, 2])
    assert_fails(descend("predict", xor, "other.npz"), "an array x: it holds features")


def test_a_number_is_an_example_where_examples_are_one_number(
    descend: Descend, trained: Callable[..., Path]
) -> None:
    """A regression on one feature takes a number as such, and as an index with --split."""
    sine = trained("sine", "--epochs", "1")
    assert descend("predict", sine, "3").out.startswith("predicted: ")
    assert descend("predict", sine, "-0.5").code == 0
    told = descend("predict", sine, "3", "--split", "test")
    assert "off by" in told.out
    (prediction,) = descend("predict", sine, "3", "--json").document["predictions"]
    assert isinstance(prediction["values"][0], float)


def test_every_task_has_its_words(descend: Descend, trained: Callable[..., Path]) -> None:
    """Labels, pixels and reconstructions are shown, alone and as a document."""
    labels = trained("multilabel", "--epochs", "1")
    pixels = trained("shapes", "--epochs", "1")
    mirror = trained("digits", "--epochs", "1", "--set", "data.target=inputs")
    assert "probability" in descend("predict", labels, "0").out
    assert "of the pixels right" in descend("predict", pixels, "0").out
    assert "(64 values)" in descend("predict", mirror, "0").out
    for run, key, count in (
        (labels, "labels", 5),
        (pixels, "classes", 144),
        (mirror, "values", 64),
    ):
        (prediction,) = descend("predict", run, "0", "--json").document["predictions"]
        assert len(prediction[key]) == len(prediction["truth"]) == count
    assert_fails(descend("predict", pixels, "1,2,3"), "INPUT must be an index, a picture or a .npy")


def test_a_network_of_several_is_chosen_by_its_seed(
    descend: Descend, trained: Callable[..., Path]
) -> None:
    """--seed names one of the run's networks."""
    several = trained("xor", "--seeds", "3", "--epochs", "2")
    documents = [
        descend("predict", several, "0,1", "--seed", seed, "--json").document for seed in (0, 1, 2)
    ]
    assert [document["seed"] for document in documents] == [0, 1, 2]
    answers = {str(document["predictions"]) for document in documents}
    assert len(answers) == 3
    told = descend("predict", several, "0,1", "--seed", "3")
    assert_fails(told, "`--seed` must be that of a network of this run, from 0 to 2: 3")


def test_outputs_that_are_no_probabilities_are_not_called_so(
    descend: Descend, trained: Callable[..., Path]
) -> None:
    """A squared error makes no probabilities."""
    run = trained("digits", "--epochs", "1", "--set", "training.loss=mse")
    told = descend("predict", run, "0")
    assert "probability" not in told.out
    assert "outputs" in descend("predict", run, "0", "--json").document["predictions"][0]


def test_outputs_without_a_class_have_their_number(
    descend: Descend, trained: Callable[..., Path]
) -> None:
    """A network with more outputs than there are classes, a known mistake, can be asked too."""
    run = trained("digits", "--epochs", "1", "--set", "network.outputs=12")
    (prediction,) = descend("predict", run, "0", "--json").document["predictions"]
    assert list(prediction["probabilities"]) == [str(number) for number in range(12)]
    assert descend("predict", run, "0").code == 0
