"""Which edits of code count for a task, and which do not."""

import json
from pathlib import Path

import pytest

from pipeline.incremental.code import CodeReader
from pipeline.incremental.digests import Memory

SHOP = {
    "__init__": "from shop import tasks\n",
    "tasks": '''
"""Tasks of a shop."""

import shop.stages.train
from shop import settings as terms_of_trade
from shop.stages import other

RATE = 2
MARGIN = RATE + 1
UNUSED = 0


def price(cost):
    """Return a price."""
    return cost * MARGIN


class Base:
    """What every task has."""

    def terms(self):
        return terms_of_trade.TERMS


class Train(Base):
    """Train."""

    level = 1

    def build(self, folder):
        """Build."""
        from shop.services import frames

        # Say what it costs.
        return frames.write(shop.stages.train.fit(self.terms(), price(3)), self._helper())

    def _helper(self):
        from . import packing

        return packing.pack()

    def requires(self):
        return other.need()


class Other(Base):
    def build(self, folder):
        return other.need()
''',
    "settings": "TERMS = 1\n",
    "packing": "def pack():\n    return 1\n",
    "stages/__init__": "",
    "stages/train": "from shop.stages.features import choose\n\n\ndef fit(terms, price):\n    return choose(terms)\n",
    "stages/features": "def choose(terms):\n    from .. import listing\n\n    return listing.COLUMNS\n",
    "stages/other": "def need():\n    return []\n",
    "services/__init__": "",
    "services/frames": "from shop.incremental import store\n\n\ndef write(*things):\n    return store.commit(things)\n",
    "incremental/__init__": "",
    "incremental/store": "def commit(things):\n    return things\n",
    "listing": "COLUMNS = ['price']\n",
}
# CodeReader reads the sources alone; these stand for the classes as Python would have them after an import.
Base = type("Base", (), {"__module__": "shop.tasks"})
Train = type("Train", (Base,), {"__module__": "shop.tasks"})


class Shop:
    """A small package on disk, to be edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.memory = folder.parent / "cache" / "code.json"
        for module, source in SHOP.items():
            self.write(module, source)

    def write(self, module: str, source: str) -> None:
        path = self.folder / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")

    def edit(self, module: str, before: str, after: str) -> None:
        source = (self.folder / f"{module}.py").read_text(encoding="utf-8")
        assert before in source
        self.write(module, source.replace(before, after, 1))

    def reader(self, memory: Path | None = None) -> CodeReader:
        return CodeReader("shop", self.folder, skipped=("shop.incremental",), memory=Memory(memory))

    def digest(self) -> dict[str, str]:
        return self.reader().digest_class(Train)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def test_a_task_counts_with_its_bases_and_all_that_its_build_reaches(shop):
    assert set(shop.digest()) == {
        "shop.tasks.Train",
        "shop.tasks.Base",
        "shop.tasks.price",
        "shop.tasks.MARGIN",
        "shop.tasks.RATE",
        "shop.settings",
        "shop.packing",
        "shop.stages",
        "shop.stages.train",
        "shop.stages.features",
        "shop.services",
        "shop.services.frames",
        "shop.listing",
    }


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("tasks", "# Say what it costs.", "# Say, at length, what it costs."),
        ("tasks", '"""Build."""', '"""Build it."""'),
        ("tasks", '"""Train."""', ""),
        ("tasks", '"""Return a price."""', ""),
        ("tasks", "cost * MARGIN", "(\n        cost\n        * MARGIN  # of profit\n    )"),
        ("stages/train", "def fit", '"""Train."""\n\n\n\ndef fit'),
        ("stages/features", "def choose", "# Choose.\ndef choose"),
        ("settings", "TERMS = 1", 'TERMS = 1\n"""What we agreed on."""'),
    ],
)
def test_editing_a_comment_a_docstring_or_the_layout_does_not_change_the_digest(shop, module, before, after):
    digest = shop.digest()
    shop.edit(module, before, after)
    assert shop.digest() == digest


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("tasks", "class Other(Base):", "class Other(Base):\n    level = 7\n"),
        ("tasks", "UNUSED = 0", "UNUSED = 1"),
        ("stages/other", "return []", "return [1]"),
        ("incremental/store", "return things", "return None"),
        ("__init__", "from shop import tasks", "from shop import tasks as all_tasks"),
    ],
    ids=["a sibling task", "a name it does not use", "what only requires uses", "what is versioned by hand", "the root"],
)
def test_editing_what_build_does_not_reach_does_not_change_the_digest(shop, module, before, after):
    digest = shop.digest()
    shop.edit(module, before, after)
    assert shop.digest() == digest


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("tasks", "level = 1", "level = 2"),
        ("tasks", "price(3)", "price(4)"),
        ("tasks", "cost * MARGIN", "cost + MARGIN"),
        ("tasks", "RATE = 2", "RATE = 3"),
        ("tasks", "terms_of_trade.TERMS", "terms_of_trade.TERMS + 1"),
        ("settings", "TERMS = 1", "TERMS = 2"),
        ("packing", "return 1", "return 2"),
        ("stages/__init__", "", "DEBUG = True\n"),
        ("stages/train", "choose(terms)", "choose(price)"),
        ("stages/features", "listing.COLUMNS", "listing.COLUMNS[:1]"),
        ("listing", "'price'", "'cost'"),
        ("services/frames", "write(*things)", "write(*things, safe=True)"),
    ],
    ids=[
        "the class",
        "its build",
        "a function beside it",
        "a constant that a constant beside it needs",
        "a method of its base",
        "a module that its base imports under another name",
        "a module imported relatively in a method that build calls",
        "a package on the way",
        "a stage",
        "a helper of the stage",
        "a module imported in a function two imports away",
        "a module imported in build",
    ],
)
def test_editing_what_build_reaches_changes_the_digest(shop, module, before, after):
    digest = shop.digest()
    shop.edit(module, before, after)
    assert shop.digest() != digest


@pytest.mark.parametrize(
    ("before", "after", "module"),
    [
        ("RATE = 2", "RATE = 2\nRATE += 1", None),
        ("RATE = 2", "RATE = 2\nfrom shop.stages.other import *", "stages/other"),
        ("RATE = 2", "RATES = {}\nRATES.update(a=2)\nRATE = RATES", None),
        ("RATE = 2", "RATES = {}\nRATES['a'] = 2\nRATE = RATES['a']", None),
        ("import shop.stages.train", "import shop.stages.train\nimport shop.stages.other", "stages/train"),
        ("import shop.stages.train", "import shop.stages.other\nimport shop.stages.train", "stages/other"),
        ("from shop import settings as terms_of_trade", "try:\n    from shop import settings as terms_of_trade\nexcept ImportError:\n    pass", "settings"),
        ("def price(cost):", "if RATE:\n    def price(cost):\n        return cost * 5\n\n\ndef price_of_old(cost):", None),
    ],
    ids=[
        "a constant changed after it was set",
        "whatever a star brings in",
        "a table filled by a call",
        "a table filled after it was made",
        "two modules imported under their package's name, the first",
        "two modules imported under their package's name, the last",
        "a module imported inside a try",
        "a function defined inside an if",
    ],
)  # fmt: skip
def test_however_a_name_is_bound_what_it_stands_for_counts(shop, before, after, module):
    shop.edit("tasks", before, after)
    digest = shop.digest()
    if module is None:
        shop.edit(
            "tasks",
            {"RATE = 2": "=2" if "update" in after else "= 2"}.get(before, "cost * 5"),
            {"RATE = 2": "=5"}.get(before, "cost * 6"),
        )
    else:
        shop.write(module, (shop.folder / f"{module}.py").read_text() + "\nMORE = 1\n")
    assert shop.digest() != digest


def test_a_new_module_that_nothing_reaches_does_not_change_the_digest(shop):
    digest = shop.digest()
    shop.write("stages/lonely", "LONELY = True\n")
    assert shop.digest() == digest


def test_a_method_called_on_super_counts_with_what_it_imports(shop):
    shop.edit("tasks", "    level = 1\n", "    level = 1\n\n    def terms(self):\n        return super().terms()\n")
    digest = shop.digest()
    shop.write("settings", "TERMS = 2\n")
    assert shop.digest() != digest


def test_a_package_wins_over_a_module_of_the_same_name_as_in_python(shop):
    shop.write("settings/__init__", "TERMS = 3\n")
    digest = shop.digest()
    shop.write("settings/__init__", "TERMS = 4\n")
    assert shop.digest() != digest


def test_the_digest_does_not_depend_on_which_class_was_read_first(shop):
    shop.edit("tasks", '"""What every task has."""', '"""What every task has."""\n    "And more."')
    other = type("Other", (Base,), {"__module__": "shop.tasks"})
    reader = shop.reader()
    reader.digest_class(other)
    assert reader.digest_class(Train) == shop.digest()


def test_a_class_inside_a_function_is_refused(shop):
    hidden = type("Hidden", (), {"__module__": "shop.tasks"})
    with pytest.raises(LookupError, match="class Hidden must stand at the top level"):
        shop.reader().digest_class(hidden)


def test_code_that_is_no_python_is_named(shop):
    shop.write("stages/train", "def fit(:\n")
    with pytest.raises(SyntaxError) as error:
        shop.digest()
    assert str(error.value.filename).endswith("stages/train.py")


def test_a_constant_behind_a_class_attribute_counts(shop):
    shop.edit("tasks", "    level = 1\n", "    level = LEVEL\n")
    shop.edit("tasks", "UNUSED = 0\n", "UNUSED = 0\nLEVEL = 1\n")
    shop.edit("tasks", "price(3)", "price(self.level)")
    digest = shop.digest()
    shop.edit("tasks", "LEVEL = 1\n", "LEVEL = 2\n")
    assert shop.digest() != digest


def test_what_a_parameter_is_made_of_does_not_count(shop):
    shop.edit("tasks", "    level = 1\n", "    level: int = other.CountParameter(default=1)\n")
    shop.edit("tasks", "price(3)", "price(self.level)")
    digest = shop.digest()
    shop.edit("stages/other", "return []", "return [1]")
    shop.edit("tasks", "default=1", "default=1, description='how high'")
    assert shop.digest() == digest


def test_what_a_class_attribute_calls_counts(shop):
    shop.edit("tasks", "    level = 1\n", "    level = other.need()\n")
    shop.edit("tasks", "price(3)", "price(self.level)")
    digest = shop.digest()
    shop.edit("stages/other", "return []", "return [1]")
    assert shop.digest() != digest


@pytest.mark.parametrize("member", ["settings", "files", "requires"])
def test_what_the_recipe_holds_by_value_does_not_count_as_code(shop, member):
    shop.edit("tasks", "    level = 1\n", f"    level = 1\n\n    def {member}(self):\n        return other.need()\n")
    shop.edit("tasks", "price(3)", f"price(self.{member}())")
    digest = shop.digest()
    shop.edit("stages/other", "return []", "return [1]")
    shop.edit("tasks", "return other.need()", "return other.need() or None")
    assert shop.digest() == digest


def test_the_bases_and_decorators_of_a_class_count(shop):
    digest = shop.digest()
    shop.edit("tasks", "class Train(Base):", "@price\nclass Train(Base, kind=1):")
    assert shop.digest() != digest


def test_a_helper_class_beside_the_task_counts(shop):
    shop.edit("tasks", "UNUSED = 0\n", "UNUSED = 0\n\n\nclass Limits:\n    high = 1\n\n\n")
    shop.edit("tasks", "price(3)", "price(Limits.high)")
    digest = shop.digest()
    shop.edit("tasks", "high = 1", "high = 2")
    assert shop.digest() != digest


class TestMemory:
    """What is remembered between processes."""

    def remember(self, shop: Shop) -> dict[str, str]:
        reader = shop.reader(shop.memory)
        digest = reader.digest_class(Train)
        reader.save()
        return digest

    def test_it_answers_as_reading_would(self, shop):
        assert self.remember(shop) == self.remember(shop) == shop.digest()

    def test_unchanged_code_is_not_parsed_again(self, shop, monkeypatch):
        digest = self.remember(shop)
        monkeypatch.setattr("pipeline.incremental.code._parse", lambda *_: pytest.fail("parsed again"))
        assert shop.reader(shop.memory).digest_class(Train) == digest

    def test_an_edit_is_seen_through_it(self, shop):
        digest = self.remember(shop)
        shop.edit("listing", "'price'", "'cost'")
        assert self.remember(shop) == shop.digest() != digest

    def test_a_name_that_became_a_module_is_seen_through_it(self, shop):
        shop.write("stages/__init__", "class train:\n    fit = print\n")
        source = (shop.folder / "stages/train.py").read_text()
        (shop.folder / "stages/train.py").unlink()
        self.remember(shop)
        shop.write("stages/train", source)
        assert self.remember(shop) == shop.digest()

    def test_entries_of_another_shape_cost_only_reading_again(self, shop):
        digest = self.remember(shop)
        known = json.loads(shop.memory.read_text())
        for wrong in (None, 7, [], ["a"], [1, 2], ["a", "b"], {"a": 1}, [{}, [{}]], [{"a": 1}, []]):
            shop.memory.write_text(json.dumps(dict.fromkeys(known, wrong)))
            assert self.remember(shop) == digest

    def test_what_is_skipped_is_part_of_what_was_asked(self, shop):
        self.remember(shop)
        all_of_it = CodeReader("shop", shop.folder, memory=Memory(shop.memory)).digest_class(Train)
        assert "shop.incremental.store" in all_of_it

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
    def test_a_damaged_one_costs_only_reading_again(self, shop, content):
        shop.memory.parent.mkdir()
        shop.memory.write_bytes(content)
        assert self.remember(shop) == shop.digest()

    def test_it_keeps_only_what_was_looked_up(self, shop):
        self.remember(shop)
        before = shop.memory.stat().st_size
        for number in range(5):
            shop.write("listing", f"COLUMNS = [{number}]\n")
            self.remember(shop)
        assert shop.memory.stat().st_size == before
