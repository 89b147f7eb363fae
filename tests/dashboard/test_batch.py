"""The page that prices a file of cars, as its reader uses it."""

import csv
import gzip
import io

import pytest

from dashboard import batch, page, reading
from pipeline.serving import load_seat
from tests.dashboard.conftest import all_text, run_pipeline

CARS = (
    "Marque,Modèle,Année-Modèle,Kilométrage,note,=cmd\n"
    'Renault,Clio,2012,100 000 - 109 999,"**x** <b>",=1+1\n'
    "Dacia,Logan,2015,75 000 mi,y,a\n"
    "Renolt,Clio,2012,100 000,,\n"
    "Dacia,Logan\n"
    "Dacia,Logan,2060,100 000,x,\n"
)


def upload(app, content: bytes | str, name: str = "cars.csv"):
    data = content if isinstance(content, bytes) else content.encode()
    app.file_uploader(key="upload-sample").set_value((name, data, "text/csv")).run()
    assert not app.exception, [one.value for one in app.exception]
    return app


def told(app) -> str:
    return all_text(app).replace("\\", "")


class TestAFile:
    """A file of cars with all that can become of a row."""

    def test_its_prices_are_those_of_the_command(self, project, open_page, tmp_path):
        path = tmp_path / "cars.csv"
        path.write_text(CARS, encoding="utf-8")
        printed = run_pipeline(project, "price", "--market", "sample", "--input", str(path), module="pipeline")
        app = upload(open_page("batch"), CARS)
        assert app.session_state["batch"].priced.decode() == printed
        rows = list(csv.DictReader(io.StringIO(printed)))
        assert [row["status"] for row in rows[2:]] == ["refused", "unreadable", "refused"]
        assert rows[0]["'=cmd"] == "'=1+1"

    @pytest.mark.parametrize(("language", "status", "estimate"), [("en", "Status", "Estimate"), ("fr", "Statut", "Estimation")])
    def test_the_table_shows_every_row_with_its_outcome(self, project, open_page, language, status, estimate):
        app = upload(open_page("batch", language=language), CARS)
        frame = app.dataframe[-1].value
        assert list(frame["Marque"]) == ["Renault", "Dacia", "Renolt", "Dacia", "Dacia"]
        assert list(frame[estimate].notna()) == [True, True, False, False, False]
        assert frame[status].nunique() >= 3

    def test_columns_that_nobody_knows_are_told(self, project, open_page):
        text = told(upload(open_page("batch"), CARS.replace("Kilométrage", "Kilometrages")))
        assert "Not used, as Sample (synthetic adverts) has no such column: Kilometrages (did you mean " in text
        assert "note, =cmd" in text

    def test_reasons_are_counted(self, project, open_page):
        app = upload(open_page("batch"), CARS + "Renolt,Clio,2012,100 000,,\n")
        frame = app.dataframe[0].value
        assert frame["Rows"].iloc[0] == 2
        assert "'Renolt'" in frame["Why"].iloc[0]

    def test_a_packed_file_is_the_same(self, project, open_page):
        app = upload(open_page("batch"), CARS)
        plain = app.session_state["batch"].priced
        upload(app, gzip.compress(CARS.encode()), "cars.csv.gz")
        assert app.session_state["batch"].priced == plain

    def test_no_more_than_300_rows_are_shown_and_all_are_counted(self, project, open_page):
        app = upload(open_page("batch"), "make,model,year\n" + "Dacia,Logan,2015\n" * 350)
        assert len(app.dataframe[-1].value) == 300
        assert "**350 rows**" in told(app)
        assert "The first 300 rows are shown" in told(app)
        assert app.session_state["batch"].priced.count(b"\n") == 351

    def test_it_is_priced_once_and_forgotten_when_it_is_taken_away(self, project, open_page, monkeypatch):
        calls = []
        price = batch.price_upload
        monkeypatch.setattr(batch, "price_upload", lambda *given: calls.append(1) or price(*given))
        app = upload(open_page("batch"), CARS)
        app.run()
        assert calls == [1]
        app.file_uploader(key="upload-sample").set_value(None).run()
        assert "batch" not in app.session_state
        assert not app.dataframe

    def test_nothing_of_it_is_written_into_the_project(self, project, open_page):
        before = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}
        upload(open_page("batch"), CARS)
        assert {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()} == before

    def test_the_table_to_fill_in_can_be_priced_as_it_is(self, project):
        state = reading.read_market("sample")
        served = load_seat("sample", state.champion.seat)
        template = batch.write_template(served.model, state.terms)
        done = []
        priced = batch.price_upload(template, "cars-sample.csv", served, state.terms, lambda *at: done.append(at))
        assert priced.counts["priced"] == 1
        assert not priced.unknown
        assert "Marque" in priced.headers
        assert done == [(1, 1)]


class TestWhatIsWrongWithAFile:
    """Each fault has the message that helps, under the file's own name and no path of the server."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "cars.csv is empty: it needs a header"),
            (b"make,model,year\n", "cars.csv holds a header and no rows"),
            (b"\x89PNG\r\n\0\0", "cars.csv holds NUL bytes"),
            (CARS.encode("utf-16"), "UTF-16. Save it as CSV in UTF-8"),
            (b'make,model,year\n"Dacia,Logan,2015\nDacia,Logan,2016\n', "cars.csv: a quote opened in record 1 is never closed"),
            (b"just a letter to you\nhow are you\n", "cars.csv lacks make"),
            (b"make,year\nDacia,2015\n", "cars.csv lacks model"),
            (b"make,model,year,Make\nDacia,Logan,2015,x\n", "the header names 'Make', 'make' more than once"),
            (gzip.compress(CARS.encode())[:-12], "cars.csv: the gzip is damaged or cut short"),
            (b"make,model,year\n" + b"x" * 2_000_000, "it is no table"),
        ],
    )
    def test_it_is_told(self, project, open_page, content, message):
        app = upload(open_page("batch"), content)
        assert message in told(app)
        assert str(project) not in told(app)
        assert not app.dataframe

    def test_it_is_told_in_french(self, project, open_page):
        assert "cars.csv est vide" in told(upload(open_page("batch", language="fr"), b""))

    def test_a_file_that_unpacks_to_more_than_is_allowed_is_not_read_to_its_end(self, project, open_page, monkeypatch):
        monkeypatch.setattr(batch, "MAX_BYTES", 3_000_000)
        app = upload(open_page("batch"), gzip.compress(b"make,model,year\n" + b"Dacia,Logan,2015\n" * 1_000_000), "bomb.csv.gz")
        assert "bomb.csv.gz holds more than 3 MB of text" in told(app)

    def test_too_many_rows_are_refused_before_any_is_priced(self, project, open_page, monkeypatch):
        monkeypatch.setattr(batch, "MAX_ROWS", 4)
        monkeypatch.setattr(batch, "Pricer", None)
        assert "cars.csv holds more than 4 rows" in told(upload(open_page("batch"), CARS))

    def test_a_name_is_no_markup_and_no_path(self, project, open_page):
        app = upload(open_page("batch"), b"", "../**etc**/$a$.csv")
        assert r"\$a\$\.csv is empty" in all_text(app)
        assert "etc" not in all_text(app)

    def test_a_good_file_after_a_bad_one_is_priced(self, project, open_page):
        app = upload(upload(open_page("batch"), b""), CARS)
        assert "is empty" not in told(app)
        assert len(app.dataframe[-1].value) == 5


class TestWhatIsNotThere:
    """Every lack is told, with what to run."""

    def test_no_champion(self, own_project, open_page):
        (own_project / "data/champion/sample.json").unlink()
        app = open_page("batch")
        assert "There is no champion" in told(app)
        assert not app.file_uploader

    def test_a_champion_that_is_gone(self, own_project, open_page):
        place = own_project / reading.read_market("sample").champion.seat.folder
        place.rename(place.with_name("elsewhere"))
        app = open_page("batch")
        assert "cannot price" in told(app)
        assert not app.file_uploader

    def test_no_results(self, tmp_path, monkeypatch, open_page):
        (tmp_path / "data/raw/sample").mkdir(parents=True)
        monkeypatch.chdir(tmp_path)
        assert "Nothing was built for" in told(open_page("batch"))


def test_an_upload_is_at_most_what_the_page_says():
    config = (page.Path(__file__).parents[2] / "dashboard/.streamlit/config.toml").read_text(encoding="utf-8")
    assert "maxUploadSize = 25\n" in config
    assert (batch.MAX_BYTES, batch.MAX_ROWS) == (200_000_000, 200_000)
