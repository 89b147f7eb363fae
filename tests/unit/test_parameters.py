"""What an option may say, and that a slip ends with code 2 and one message."""

import re
from pathlib import Path

import luigi
import pytest
from luigi.cmdline_parser import CmdlineParser
from luigi.task_register import Register

import pipeline
from pipeline import Check, Ingest, Train


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Read a command line as Luigi does; it must be refused."""
    with pytest.raises(SystemExit) as refused, CmdlineParser.global_instance(list(arguments)) as parser:
        parser.get_task_obj()
    assert refused.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Check", "--market", ""), "--market '' names no market"),
        (("Check", "--market", " "), "--market '' names no market"),
        (
            ("Check", "--pipeline-markets", "/nonexistent"),
            "is no folder that this user may read. Name one with market TOML files",
        ),
        (
            ("Check", "--pipeline-mlflow-ui", "javascript:alert(1)"),
            "mlflow_ui in luigi.cfg, is no address like http://127.0.0.1:5000",
        ),
        (("Check", "--pipeline-mlflow-ui", "127.0.0.1:5000"), "is no address like"),
        (("Check", "--pipeline-mlflow-ui", 'http://a"onclick="b'), "is no address like"),
        (("Check", "--pipeline-mlflow-ui", "http://a b"), "is no address like"),
        (("Check", "--pipeline-mlflow-ui", "http://a:port"), "is no address like"),
        (("Check", "--pipeline-mlflow-ui", "http://[a"), "is no address like"),
        (("Check", "--pipeline-mlflow-ui", "http://a/#/models"), "is no address like"),
        (("Train", "--jobs", "0"), "--Train-jobs '0' is not a whole number of at least 1"),
        (("Train", "--profile", "best"), "--Train-profile 'best' is none of full, quick"),
        (("Train", "--iterations-factor", "0"), "--Train-iterations-factor '0' is not a factor between 0.001 and 1,000"),
        (("Train", "--seed", "-1"), "--Train-seed '-1' is not a whole number of at least 0"),
        (("Ingest", "--delivery", "../../../README.md"), "'../../../README.md' leaves the market's folder"),
        (("Ingest", "--delivery", "a/../../uk/ford.csv"), "leaves the market's folder"),
        (("Ingest", "--delivery", "/etc/passwd"), "leaves the market's folder"),
    ],
)
def test_a_slip_is_refused_at_once(capsys, arguments, said):
    arguments = (arguments[0], "--market", "sample", *arguments[1:]) if "--market" not in arguments else arguments
    assert said in refusal(capsys, *arguments)


def test_an_option_is_taken_by_its_whole_name_alone(capsys):
    assert "unrecognized arguments: --Train-iterations 300" in refusal(capsys, "Train", "--Train-iterations", "300")


ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "luigi.cfg", ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("pipeline/**/*.py")]


def test_every_option_of_a_stage_that_is_written_down_exists():
    there = {f"{section}-{name.replace('_', '-')}" for section, _, name, _ in Register.get_all_params()}
    stages = "|".join(name for name in pipeline.__all__)
    told = {
        (path.name, option)
        for path in DOCUMENTS
        for option in re.findall(rf"--((?:{stages})-[a-z][a-z-]*[a-z])", path.read_text(encoding="utf-8"))
    }
    assert len(told) > 10
    assert {(name, option) for name, option in told if option not in there} == set()


def test_what_makes_sense_is_read_as_it_is():
    for arguments, task in {
        ("Check", "--market", "uk"): Check(market="uk"),
        ("Train", "--profile", "quick", "--iterations-factor", "0.5", "--seed", "0"): Train(
            profile="quick", iterations_factor=0.5, seed=0
        ),
        ("Ingest", "--delivery", "a..b/..c.csv"): Ingest(delivery="a..b/..c.csv"),
    }.items():
        with CmdlineParser.global_instance(list(arguments)) as parser:
            assert parser.get_task_obj().param_kwargs == task.param_kwargs


def test_a_default_market_that_is_not_there_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(luigi.configuration.get_config(), "get", lambda section, name, *_, **__: "")
    with pytest.raises(SystemExit):
        Check()
    assert "There is no market ''" in capsys.readouterr().err
