"""What a synthetic sample promises: its shape, its defects, its marginals, its price model, its repeatability."""

import hashlib
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
import pytest

from pipeline import sample
from pipeline.sample import SamplePlan, make_adverts, night_rows, write_deliveries

HEADER = (
    ",Lien,Ville,Secteur,Marque,Modèle,Année-Modèle,Kilométrage,Type de carburant,Puissance fiscale,"
    "Boite de vitesses,Nombre de portes,Origine,Première main,État,Jantes aluminium,Airbags,Climatisation,"
    "Système de navigation/GPS,Toit ouvrant,Sièges cuir,Radar de recul,Caméra de recul,Vitres électriques,ABS,ESP,"
    "Régulateur de vitesse,Limiteur de vitesse,CD/MP3/Bluetooth,Ordinateur de bord,"
    "Verrouillage centralisé à distance,Prix"
)
VARYING_EQUIPMENT = ["Airbags", "Climatisation", "ABS", "ESP", "CD/MP3/Bluetooth"]
PLAN = SamplePlan()
HEADER_ONLY_NIGHT = 4
LATIN_1_NIGHT = 1
RENAMED_NIGHT = 6


def read_night(path: Path) -> pd.DataFrame:
    """Read a delivery as text, one row per line, undoing only the encoding and the misspelt column."""
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except UnicodeDecodeError:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="latin-1")
    return rows.rename(columns={"Kilometrage": "Kilométrage"})


def read_nights(paths: list[Path]) -> pd.DataFrame:
    """Read deliveries as text, one row per line, with the position of the night."""
    return pd.concat([read_night(path).assign(night=night) for night, path in enumerate(paths)], ignore_index=True)


def digest(paths: list[Path]) -> str:
    """Hash names and bytes of the files."""
    content = b"".join(path.name.encode() + path.read_bytes() for path in paths)
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write the default plan once; the tests only read it."""
    return write_deliveries(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def rows(deliveries: list[Path]) -> pd.DataFrame:
    """Return all lines of the default plan, as text."""
    return read_nights(deliveries)


@pytest.fixture(scope="module")
def many_adverts() -> pd.DataFrame:
    """Return enough adverts for shares to be within a percent or so."""
    return make_adverts(SamplePlan(rows=40_000, nights=30, seed=7))


# --- Files ------------------------------------------------------------------------------------------------------------


def test_writes_one_file_per_night_and_a_note(deliveries: list[Path]) -> None:
    """The nights are consecutive from 2025-01-06, and the folder says that they are synthetic."""
    nights = [date(2025, 1, 6) + timedelta(days=day) for day in range(8)]
    assert [path.name for path in deliveries] == [f"{night}.csv" for night in nights]
    folder = deliveries[0].parent
    assert sorted(path.name for path in folder.iterdir()) == [*(path.name for path in deliveries), "SYNTHETIC.txt"]
    note = (folder / "SYNTHETIC.txt").read_text(encoding="utf-8")
    assert note.count("\n") == 1
    for part in ("ynthetic", "`python -m pipeline sample`", "rows=3000", "nights=8", "seed=20250106"):
        assert part in note


def test_same_plan_gives_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Neither hash seed, locale nor time zone has a say."""
    plan = SamplePlan(rows=400, nights=6, seed=3)
    here = digest(write_deliveries(tmp_path / "here", plan))
    code = (
        "import sys; from pathlib import Path; from pipeline.sample import SamplePlan, write_deliveries;"
        "write_deliveries(Path(sys.argv[1]), SamplePlan(rows=400, nights=6, seed=3))"
    )
    root = str(Path(sample.__file__).parents[1])
    settings = {"PYTHONPATH": root, "PYTHONHASHSEED": "123", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    there = tmp_path / "there"
    subprocess.run([sys.executable, "-c", code, str(there)], env=os.environ | settings, check=True, timeout=60)
    assert digest(sorted(there.glob("*.csv"))) == here


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    """The seed is what decides."""
    first = write_deliveries(tmp_path / "first", SamplePlan(rows=50, nights=1, seed=1))
    second = write_deliveries(tmp_path / "second", SamplePlan(rows=50, nights=1, seed=2))
    assert digest(first) != digest(second)


def test_file_holds_what_night_rows_returns(deliveries: list[Path]) -> None:
    """The frame of a night and its file are the same thing."""
    adverts = make_adverts(PLAN)
    for night in (0, LATIN_1_NIGHT, HEADER_ONLY_NIGHT, RENAMED_NIGHT):
        encoding = "latin-1" if night == LATIN_1_NIGHT else "utf-8"
        expected = night_rows(adverts, PLAN, night).to_csv(lineterminator="\n")
        assert deliveries[night].read_text(encoding=encoding) == expected


def test_chunks_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file written in many chunks is the file written in one."""
    plan = SamplePlan(rows=60, nights=3, seed=5)
    whole = digest(write_deliveries(tmp_path / "whole", plan))
    monkeypatch.setattr(sample, "ROWS_PER_CHUNK", 13)
    assert digest(write_deliveries(tmp_path / "chunked", plan)) == whole


def test_replaces_own_files_and_leaves_others(tmp_path: Path) -> None:
    """A second sample replaces the first, night by night, and nothing else in the folder changes."""
    other = tmp_path / "2024-12-31.csv"
    other.write_text("mine", encoding="utf-8")
    first = write_deliveries(tmp_path, SamplePlan(rows=30, nights=3, seed=1))
    third_night = first[2].read_bytes()
    first_night = first[0].read_bytes()
    write_deliveries(tmp_path, SamplePlan(rows=30, nights=1, seed=2))
    assert other.read_text(encoding="utf-8") == "mine"
    assert first[2].read_bytes() == third_night
    assert first[0].read_bytes() != first_night


def test_failed_write_leaves_old_file_and_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery is either the old one or the new one, even when the disk fills up half way."""
    plan = SamplePlan(rows=30, nights=1, seed=1)
    path = write_deliveries(tmp_path, plan)[0]
    before = path.read_bytes()

    def fail_half_way(_rows: pd.DataFrame, file: TextIO, **_options: object) -> None:
        file.write("half a li")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail_half_way)
    with pytest.raises(OSError, match="disk full"):
        write_deliveries(tmp_path, plan)
    assert path.read_bytes() == before
    assert sorted(child.name for child in tmp_path.iterdir()) == [path.name, "SYNTHETIC.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "rows must be at least 1, not 0"),
        ({"rows": -5}, "rows must be at least 1, not -5"),
        ({"nights": 0}, "nights must be between 1 and 3650, not 0"),
        ({"nights": 3651}, "nights must be between 1 and 3650, not 3651"),
        ({"seed": -1}, "seed must not be negative, not -1"),
    ],
)
def test_refuses_impossible_plan(arguments: dict[str, int], message: str) -> None:
    """The refusal names the parameter and its value."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        SamplePlan(**arguments)


@pytest.mark.parametrize("night", [-1, 8])
def test_refuses_night_outside_plan(night: int) -> None:
    """A plan of eight nights has nights 0 to 7."""
    with pytest.raises(ValueError, match=f"^night must be between 0 and 7, not {night}$"):
        night_rows(make_adverts(PLAN), PLAN, night)


def test_longest_plan_is_accepted() -> None:
    """The limits themselves are allowed."""
    assert len(make_adverts(SamplePlan(rows=1, nights=3650))) == 1


# --- Defects of whole nights ------------------------------------------------------------------------------------------


def test_one_night_is_latin_1_with_crlf(deliveries: list[Path]) -> None:
    """All other nights are UTF-8 with LF."""
    for night, path in enumerate(deliveries):
        content = path.read_bytes()
        if night == LATIN_1_NIGHT:
            with pytest.raises(UnicodeDecodeError):
                content.decode("utf-8")
            assert content.decode("latin-1").startswith(HEADER + "\r\n")
            assert content.count(b"\r\n") == content.count(b"\n")
        else:
            content.decode("utf-8")
            assert b"\r" not in content


def test_one_night_is_header_only_and_one_misspells_a_column(deliveries: list[Path]) -> None:
    """Every other night has the full header and rows."""
    misspelt = HEADER.replace("Kilométrage", "Kilometrage")
    for night, path in enumerate(deliveries):
        lines = path.read_text(encoding="latin-1" if night == LATIN_1_NIGHT else "utf-8").splitlines()
        assert lines[0] == (misspelt if night == RENAMED_NIGHT else HEADER)
        assert (len(lines) == 1) == (night == HEADER_ONLY_NIGHT)


@pytest.mark.parametrize(
    ("nights", "latin_1", "header_only", "renamed"),
    [(1, None, None, None), (2, 1, None, None), (3, 1, None, 2), (4, 1, 2, 3), (5, 1, 2, 3), (8, 1, 4, 6)],
)
def test_short_plans_have_fewer_defective_nights(
    nights: int, latin_1: int | None, header_only: int | None, renamed: int | None
) -> None:
    """No night has two defects at once, and the first has none."""
    assert sample.place_night_defects(nights) == (latin_1, header_only, renamed)


def test_long_plans_keep_defective_nights_apart() -> None:
    """Three different nights, neither the first nor the last."""
    for nights in range(5, 1001):
        assert len(set(sample.place_night_defects(nights)) & set(range(1, nights - 1))) == 3


# --- Defects of rows --------------------------------------------------------------------------------------------------


def test_unnamed_column_counts_lines(deliveries: list[Path]) -> None:
    """As a frame's index does when it is written along."""
    for path in deliveries:
        rows = read_night(path)
        assert rows.iloc[:, 0].tolist() == [str(line) for line in range(len(rows))]


def test_a_third_of_a_nights_adverts_come_three_times(rows: pd.DataFrame) -> None:
    """The copies are alike and scattered over the file."""
    assert rows["night"].nunique() == 7
    for _, night in rows.groupby("night"):
        copies = night["Lien"].value_counts()
        assert set(copies) == {1, 3}
        assert (copies == 3).sum() == round(len(copies) / 3)
        assert len(night.drop(columns="Unnamed: 0").drop_duplicates()) == len(copies)
        assert (night["Lien"] == night["Lien"].shift()).mean() < 0.05


@pytest.mark.parametrize("price", ["612037205", "0", "", "Prix à discuter"])
def test_one_advert_has_the_mistyped_price(rows: pd.DataFrame, price: str) -> None:
    """On every night that shows it."""
    links = rows.loc[rows["Prix"] == price, "Lien"].unique()
    assert len(links) == 1
    assert set(rows.loc[rows["Lien"] == links[0], "Prix"]) == {price}


def test_one_price_is_ten_times_too_low(rows: pd.DataFrame) -> None:
    """All other prices are those of cars."""
    prices_mad = pd.to_numeric(rows["Prix"], errors="coerce")
    low = rows[(prices_mad > 0) & (prices_mad < 20_000)]
    adverts = make_adverts(PLAN).set_index("advert_id")
    assert len(low["Lien"].unique()) == 1
    true_price_mad = adverts["true_price_mad"].loc[int(low["Lien"].iloc[0][-12:-4])]
    assert set(low["Prix"]) == {str(true_price_mad // 10)}
    assert prices_mad[prices_mad != 612_037_205].max() <= 1_500_000


def test_one_year_lies_in_the_future(rows: pd.DataFrame) -> None:
    """All other years run from 1990 to the deliveries' own."""
    years = rows["Année-Modèle"].astype(int)
    assert len(rows.loc[years == 2060, "Lien"].unique()) == 1
    assert years[years != 2060].between(1990, 2025).all()


def test_some_names_have_spaces_around_them(rows: pd.DataFrame) -> None:
    """One advert in a hundred; without the spaces the names are the usual ones."""
    adverts = rows.drop_duplicates("Lien")
    for column in ("Marque", "Modèle"):
        is_padded = adverts[column] != adverts[column].str.strip()
        assert is_padded.sum() == 30
        assert set(adverts.loc[is_padded, column].str.strip()) <= set(adverts.loc[~is_padded, column])


def test_unused_equipment_is_always_false(rows: pd.DataFrame) -> None:
    """Eleven of the sixteen equipment columns never vary; the other five do."""
    equipment = HEADER.split(",")[15:-1]
    assert len(equipment) == 16
    for column in equipment:
        expected = {"True", "False"} if column in VARYING_EQUIPMENT else {"False"}
        assert set(rows[column]) == expected


@pytest.mark.parametrize("rows_planned", [1, 2, 9, 10, 59, 100])
def test_small_plans_have_fewer_mistakes(rows_planned: int) -> None:
    """One mistaken advert for every ten, up to all six kinds, each once."""
    defect = make_adverts(SamplePlan(rows=rows_planned, nights=3)).loc[lambda adverts: adverts["defect"] > 0, "defect"]
    assert sorted(defect) == list(range(1, min(rows_planned // 10, 6) + 1))


def test_mistaken_adverts_never_change_their_price() -> None:
    """So that each mistake is the same on every night."""
    for seed in range(12):
        adverts = make_adverts(SamplePlan(rows=200, nights=6, seed=seed))
        assert (adverts.loc[adverts["defect"] > 0, "change_night"] == 6).all()


# --- Lives ------------------------------------------------------------------------------------------------------------


def test_adverts_live_on_consecutive_nights_with_one_link(rows: pd.DataFrame) -> None:
    """Each advert is seen from its first to its last night, but for the header-only one."""
    adverts = make_adverts(PLAN)
    seen = rows.drop_duplicates(["Lien", "night"]).groupby("Lien")["night"].agg(list)
    seen.index = seen.index.str[-12:-4].astype(int)
    assert len(seen) == PLAN.rows
    for advert_id, first, last in zip(adverts["advert_id"], adverts["first_night"], adverts["last_night"], strict=True):
        expected = [night for night in range(first, min(last, 7) + 1) if night != HEADER_ONLY_NIGHT]
        assert seen[advert_id] == expected


def test_links_follow_the_sites_pattern_on_a_reserved_host(rows: pd.DataFrame) -> None:
    """City, category, title, eight digits; nothing points at the real site."""
    pattern = re.compile(r"https://www\.avito\.example/fr/[a-z0-9_%A-F]+/voitures/[a-z0-9_%A-F.+-]+_\d{8}\.htm")
    assert all(pattern.fullmatch(link) for link in rows["Lien"].unique())
    assert rows.loc[rows["Ville"] == "Fès", "Lien"].str.contains("/fr/f%C3%A8s/").all()
    assert rows["Lien"].drop_duplicates().str[-12:-4].is_unique


def test_half_appear_on_first_night_and_the_rest_evenly(many_adverts: pd.DataFrame) -> None:
    """No advert appears on the header-only night, where nobody would see it."""
    arrivals = many_adverts["first_night"].value_counts()
    later = arrivals.drop(0)
    assert arrivals[0] == 20_000
    assert sorted(later.index) == [night for night in range(1, 30) if night != 15]
    assert later.max() - later.min() <= 1


def test_lifetimes_are_geometric(many_adverts: pd.DataFrame) -> None:
    """The same share of the adverts still there leaves after every night."""
    lifetime_nights = many_adverts["lifetime_nights"]
    for night in range(1, 11):
        assert (lifetime_nights[lifetime_nights >= night] == night).mean() == pytest.approx(0.15, abs=0.02)


def test_some_prices_change_and_nearly_all_fall(many_adverts: pd.DataFrame) -> None:
    """Eight percent change, 97 percent of them downwards, by six percent in the median."""
    changed = many_adverts[many_adverts["change_night"] < 30]
    change = changed["changed_price_mad"] / changed["true_price_mad"] - 1
    assert len(changed) == 3200
    assert (change != 0).all()
    assert (change < 0).mean() == pytest.approx(0.97, abs=0.01)
    assert change.median() == pytest.approx(-0.06, abs=0.006)


def test_price_changes_are_seen_in_the_deliveries(rows: pd.DataFrame) -> None:
    """The first price up to the change, the other one from then on."""
    truth = make_adverts(PLAN).set_index("advert_id")[["defect", "true_price_mad", "changed_price_mad", "change_night"]]
    seen = rows.drop_duplicates(["Lien", "night"])
    seen = seen.assign(advert_id=seen["Lien"].str[-12:-4].astype(int)).join(truth, on="advert_id")
    seen = seen[seen["defect"] == 0]
    expected = seen["true_price_mad"].where(seen["night"] < seen["change_night"], seen["changed_price_mad"])
    assert (seen["Prix"].astype(int) == expected).all()
    assert (seen.groupby("advert_id")["Prix"].nunique() == 2).sum() == 240


def test_one_night_holds_everything(tmp_path: Path) -> None:
    """A plan of one night is one clean UTF-8 file with all adverts and no price change."""
    paths = write_deliveries(tmp_path, SamplePlan(rows=500, nights=1))
    assert [path.name for path in paths] == ["2025-01-06.csv"]
    rows = pd.read_csv(paths[0], dtype=str, keep_default_na=False, encoding="utf-8")
    assert [*rows.columns[1:]] == HEADER.split(",")[1:]
    assert rows["Lien"].nunique() == 500
    assert len(rows) == 500 + 2 * round(500 / 3)
    assert rows.drop_duplicates(["Lien", "Prix"])["Lien"].is_unique


@pytest.mark.parametrize(("rows_planned", "nights"), [(1, 1), (1, 6), (2, 2), (7, 3), (12, 7)])
def test_every_advert_of_a_small_plan_is_seen(tmp_path: Path, rows_planned: int, nights: int) -> None:
    """The number of distinct adverts over all nights is what was planned."""
    paths = write_deliveries(tmp_path, SamplePlan(rows=rows_planned, nights=nights))
    assert len(paths) == nights
    assert read_nights(paths)["Lien"].nunique() == rows_planned


# --- Marginals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "share"),
    [
        ("Marque", "Volkswagen", 0.141),
        ("Marque", "Renault", 0.137),
        ("Marque", "Dacia", 0.121),
        ("Marque", "mini", 0.0036),
        ("Ville", "Casablanca", 0.253),
        ("Année-Modèle", 2017, 0.085),
        ("Année-Modèle", 2008, 0.063),
        ("Kilométrage", "200 000 - 249 999", 0.111),
        ("Kilométrage", "0 - 4 999", 0.044),
        ("Type de carburant", "Diesel", 0.913),
        ("Type de carburant", "Essence", 0.086),
        ("Puissance fiscale", 6, 0.43),
        ("Puissance fiscale", 8, 0.26),
        ("Boite de vitesses", "Manuelle", 0.704),
        ("Boite de vitesses", "Automatique", 0.178),
        ("Boite de vitesses", "--", 0.117),
        ("Nombre de portes", "3", 0.039),
        ("Origine", "WW au Maroc", 0.588),
        ("Origine", "Dédouanée", 0.157),
        ("Première main", "Oui", 0.274),
        ("État", "Excellent", 0.354),
        ("État", "Très bon", 0.299),
        ("État", "Bon", 0.074),
    ],
)
def test_share_is_near_the_profile(many_adverts: pd.DataFrame, column: str, value: str | int, share: float) -> None:
    """Within a fifth of the real share, or two percent of all adverts if that is less."""
    assert (many_adverts[column] == value).mean() == pytest.approx(share, abs=min(0.02, 0.2 * share))


@pytest.mark.parametrize(
    ("column", "share"),
    [
        ("Secteur", 0.564),
        ("Nombre de portes", 0.177),
        ("Origine", 0.213),
        ("Première main", 0.251),
        ("État", 0.270),
        ("Marque", 0.0),
        ("Ville", 0.0),
        ("Kilométrage", 0.0),
    ],
)
def test_missing_share_is_as_real(many_adverts: pd.DataFrame, rows: pd.DataFrame, column: str, share: float) -> None:
    """A missing value is an empty field of the file."""
    assert many_adverts[column].isna().mean() == pytest.approx(share, abs=0.01)
    assert (rows.drop_duplicates("Lien")[column] == "").mean() == pytest.approx(share, abs=0.03)


def test_price_quartiles_are_near_the_profile(many_adverts: pd.DataFrame) -> None:
    """75 000, 100 000 and 140 000 MAD in the real extract."""
    quartiles_mad = many_adverts["true_price_mad"].quantile([0.25, 0.5, 0.75])
    assert quartiles_mad.tolist() == pytest.approx([75_000, 100_000, 140_000], rel=0.06)


def test_prices_are_round(many_adverts: pd.DataFrame) -> None:
    """More than half are whole 5 000s, nearly all whole 1 000s, the rest 500s."""
    prices_mad = many_adverts["true_price_mad"]
    assert (prices_mad % 5_000 == 0).mean() == pytest.approx(0.565, abs=0.02)
    assert (prices_mad % 1_000 == 0).mean() == pytest.approx(0.99, abs=0.01)
    assert (prices_mad % 500 == 0).all()


def test_years_have_the_profiles_shape(many_adverts: pd.DataFrame) -> None:
    """Quartiles 2008, 2013, 2016; a few from 1990 on, hardly any new."""
    years = many_adverts["Année-Modèle"]
    assert years.quantile([0.25, 0.5, 0.75]).tolist() == [2008, 2013, 2016]
    assert (years.min(), years.max()) == (1990, 2025)
    assert (years > 2021).mean() < 0.01


def test_models_keep_to_their_years(many_adverts: pd.DataFrame) -> None:
    """No GOLF 7 before 2013, no GOLF 4 after 2006, no Dokker before 2012."""
    years = many_adverts.groupby("Modèle", observed=True)["Année-Modèle"].agg(["min", "max"])
    assert years.loc["GOLF 7", "min"] == 2013
    assert years.loc["GOLF 4", "max"] == 2006
    assert years.loc["Dokker", "min"] == 2012


def test_equipment_columns_agree_with_each_other(many_adverts: pd.DataFrame) -> None:
    """Correlations of .6 to .8, at the real shares."""
    equipment = many_adverts[VARYING_EQUIPMENT].astype(float)
    assert equipment.mean().tolist() == pytest.approx([0.570, 0.594, 0.529, 0.368, 0.523], abs=0.01)
    correlations = equipment.corr().to_numpy()[np.triu_indices(5, k=1)]
    assert correlations.min() > 0.57
    assert correlations.max() < 0.80


def test_mileage_is_published_as_a_range(many_adverts: pd.DataFrame) -> None:
    """The range holds the true mileage, or, for some sellers, far less."""
    bounds_km = many_adverts["Kilométrage"].astype(str).str.replace(" ", "").str.split("-", expand=True).astype(int)
    true_km = many_adverts["true_km"]
    is_true = true_km.between(bounds_km[0], bounds_km[1])
    assert is_true.mean() == pytest.approx(0.83 * 0.97, abs=0.01)
    assert (bounds_km[1] < true_km)[~is_true].all()
    assert many_adverts["Kilométrage"].nunique() == 36


def test_mileage_grows_with_age(many_adverts: pd.DataFrame) -> None:
    """An older group of cars has more kilometres."""
    groups = pd.cut(many_adverts["Année-Modèle"], [1989, 2004, 2009, 2014, 2018, 2025])
    median_km = many_adverts.groupby(groups, observed=True)["true_km"].median()
    assert len(median_km) == 5
    assert median_km.is_monotonic_decreasing


# --- The price model --------------------------------------------------------------------------------------------------


def test_median_price_falls_with_age(many_adverts: pd.DataFrame) -> None:
    """Over all cars, and within the models sold for long."""
    groups = pd.cut(many_adverts["Année-Modèle"], [1989, 2008, 2012, 2016, 2025])
    assert many_adverts.groupby(groups, observed=True)["true_price_mad"].median().is_monotonic_increasing
    for model in ("Clio", "Logan", "Polo", "Passat"):
        cars = many_adverts[many_adverts["Modèle"] == model]
        assert cars.groupby(groups, observed=True)["true_price_mad"].median().is_monotonic_increasing


def test_price_follows_the_model_price_up_to_noise(many_adverts: pd.DataFrame) -> None:
    """The noise is about .12 on the log price, with a few adverts far off."""
    ordinary = many_adverts[many_adverts["model_price_mad"] > 40_000]
    noise = pd.Series(np.log(ordinary["true_price_mad"] / ordinary["model_price_mad"]))
    quarter, half, three_quarters = noise.quantile([0.25, 0.5, 0.75])
    assert half == pytest.approx(0, abs=0.01)
    assert (three_quarters - quarter) / 1.349 == pytest.approx(0.12, abs=0.01)
    assert 0.004 < (noise.abs() > 0.48).mean() < 0.012


def test_published_columns_explain_the_price(many_adverts: pd.DataFrame) -> None:
    """A straight-line fit on model and year alone leaves less than half of the spread."""
    adverts = many_adverts.iloc[:10_000]
    log_price = np.log(adverts["true_price_mad"].to_numpy(dtype=float))
    features = pd.get_dummies(adverts["Modèle"], dtype=float).assign(year=adverts["Année-Modèle"] - 2012.0)
    weights, *_ = np.linalg.lstsq(features.to_numpy(), log_price, rcond=None)
    residuals = log_price - features.to_numpy() @ weights
    assert residuals.std() < 0.5 * log_price.std()


@pytest.mark.parametrize(
    ("column", "better", "worse"),
    [
        ("Boite de vitesses", "Automatique", "Manuelle"),
        ("État", "Excellent", "Bon"),
        ("Première main", "Oui", "Non"),
        ("ESP", True, False),
        ("Origine", "WW au Maroc", "Pas encore dédouanée"),
    ],
)
def test_better_cars_cost_more_than_like_cars(
    many_adverts: pd.DataFrame, column: str, better: str | bool, worse: str | bool
) -> None:
    """Compared with the median of the same model and year."""
    peers_mad = many_adverts.groupby(["model_code", "Année-Modèle"])["true_price_mad"].transform("median")
    premium = many_adverts["true_price_mad"] / peers_mad
    assert premium[many_adverts[column] == better].mean() > premium[many_adverts[column] == worse].mean() + 0.02


def test_hard_driven_cars_cost_less_than_like_cars(many_adverts: pd.DataFrame) -> None:
    """Compared with the median of the same model and year."""
    like = many_adverts.groupby(["model_code", "Année-Modèle"])
    premium = many_adverts["true_price_mad"] / like["true_price_mad"].transform("median")
    use = many_adverts["true_km"] / like["true_km"].transform("median")
    assert premium[use < 0.8].mean() > premium[use > 1.3].mean() + 0.05
