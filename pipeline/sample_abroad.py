"""The sample's adverts as sites of other countries would write them: headers, words, numbers, dates, encodings and kinds of file."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.sample import FIRST_NIGHT, SYNTHETIC_NOTE_NAME, SamplePlan, make_adverts, place_rows, publish_prices, write_note

FIELDS = ("id", "make", "model", "year", "mileage", "fuel", "gearbox", "condition", "first_owner", "city", "price", "posted")
FORMATS = ("csv", "csv.gz", "zip", "xlsx", "jsonl", "parquet")


@dataclass(frozen=True)
class Tongue:
    """How a country's sites write: a header for each of FIELDS, the words, and how numbers, money and dates look."""

    headers: tuple[str, ...]
    fuels: tuple[str, ...]  # diesel, petrol, hybrid, electric
    gearboxes: tuple[str, ...]  # manual, automatic, not stated
    conditions: tuple[str, ...]  # excellent, very good, good, fair, for parts, damaged
    no_yes: tuple[str, str]
    mileage: str  # {} stands for the number
    price: str
    on_request: str
    thousands: str
    rate: float  # how much of its money a dirham is
    date_format: str
    encoding: str = "utf-8"
    separator: str = ","
    digits: str = ""
    distance: float = 1.0  # of a kilometre
    makes: Mapping[str, str] = field(default_factory=dict)
    year: str = "{}"


TONGUES: dict[str, Tongue] = {
    "en": Tongue(
        headers=(
            "Ad ID",
            "Make",
            "Model",
            "Year",
            "Mileage",
            "Fuel type",
            "Transmission",
            "Condition",
            "One owner",
            "Location",
            "Price",
            "Date posted",
        ),
        fuels=("Diesel", "Petrol", "Hybrid", "Electric"),
        gearboxes=("Manual", "Automatic", "N/A"),
        conditions=("Excellent", "Very good", "Good", "Fair", "For parts", "Damaged"),
        no_yes=("No", "Yes"),
        mileage="{} miles",
        price="£{}",
        on_request="Price on request",
        thousands=",",
        rate=0.08,
        date_format="%d/%m/%Y",
        distance=1 / 1.609344,
    ),
    "fr": Tongue(
        headers=(
            "Référence",
            "Marque",
            "Modèle",
            "Année",
            "Kilométrage",
            "Carburant",
            "Boîte de vitesses",
            "État",
            "Première main",
            "Ville",
            "Prix",
            "Publié le",
        ),
        fuels=("Diesel", "Essence", "Hybride", "Électrique"),
        gearboxes=("Manuelle", "Automatique", "--"),
        conditions=("Excellent", "Très bon", "Bon", "Correct", "Pour pièces", "Endommagé"),
        no_yes=("Non", "Oui"),
        mileage="{} km",
        price="{} €",
        on_request="Prix sur demande",
        thousands="\u202f",
        rate=0.1,
        date_format="%d/%m/%Y",
    ),
    "de": Tongue(
        headers=(
            "Anzeigennummer",
            "Marke",
            "Modell",
            "Erstzulassung",
            "Kilometerstand",
            "Kraftstoffart",
            "Getriebe",
            "Zustand",
            "Erste Hand",
            "Standort",
            "Preis",
            "Inseriert am",
        ),
        fuels=("Diesel", "Benzin", "Hybrid (Benzin/Elektro)", "Elektro"),
        gearboxes=("Schaltgetriebe", "Automatik", "k.A."),
        conditions=("Neuwertig", "Sehr gut", "Gut", "Ausreichend", "Ersatzteile", "Unfallwagen"),
        no_yes=("Nein", "Ja"),
        mileage="{} km",
        price="{} €",
        on_request="auf Anfrage",
        thousands=".",
        rate=0.1,
        date_format="%d.%m.%Y",
        encoding="cp1252",
        separator=";",
        year="07/{}",
    ),
    "es": Tongue(
        headers=(
            "Id anuncio",
            "Marca",
            "Modelo",
            "Año",
            "Kilómetros",
            "Combustible",
            "Cambio",
            "Estado",
            "Único dueño",
            "Provincia",
            "Precio",
            "Fecha de publicación",
        ),
        fuels=("Diésel", "Gasolina", "Híbrido", "Eléctrico"),
        gearboxes=("Manual", "Automático", "Sin especificar"),
        conditions=("Excelente", "Muy bueno", "Bueno", "Regular", "Para piezas", "Averiado"),
        no_yes=("No", "Sí"),
        mileage="{} km",
        price="{} €",
        on_request="Consultar",
        thousands=".",
        rate=0.1,
        date_format="%d-%m-%Y",
        separator="|",
    ),
    "pl": Tongue(
        headers=(
            "Numer ogłoszenia",
            "Marka pojazdu",
            "Model pojazdu",
            "Rok produkcji",
            "Przebieg",
            "Rodzaj paliwa",
            "Skrzynia biegów",
            "Stan",
            "Pierwszy właściciel",
            "Miasto",
            "Cena",
            "Data dodania",
        ),
        fuels=("Diesel", "Benzyna", "Hybryda", "Elektryczny"),
        gearboxes=("Manualna", "Automatyczna", "brak danych"),
        conditions=("Doskonały", "Bardzo dobry", "Dobry", "Dostateczny", "Na części", "Uszkodzony"),
        no_yes=("Nie", "Tak"),
        mileage="{} km",
        price="{} PLN",
        on_request="Zapytaj o cenę",
        thousands="\u00a0",
        rate=0.43,
        date_format="%Y-%m-%d",
        encoding="cp1250",
        separator=";",
    ),
    "tr": Tongue(
        headers=(
            "İlan No",
            "Marka",
            "Seri",
            "Yıl",
            "KM",
            "Yakıt Tipi",
            "Vites Tipi",
            "Durumu",
            "İlk Sahibinden",
            "Şehir",
            "Fiyat",
            "İlan Tarihi",
        ),
        fuels=("Dizel", "Benzin", "Hibrit", "Elektrik"),
        gearboxes=("Düz", "Otomatik", "Belirtilmemiş"),
        conditions=("Mükemmel", "Çok iyi", "İyi", "Orta", "Parça", "Hasarlı"),
        no_yes=("Hayır", "Evet"),
        mileage="{}",
        price="{} TL",
        on_request="Fiyat sorunuz",
        thousands=".",
        rate=4.0,
        date_format="%d.%m.%Y",
        encoding="cp1254",
        separator="\t",
    ),
    "ru": Tongue(
        headers=(
            "Номер объявления",
            "Марка",
            "Модель",
            "Год выпуска",
            "Пробег, км",
            "Тип топлива",
            "Коробка передач",
            "Состояние",
            "Один владелец",
            "Город",
            "Цена",
            "Дата размещения",
        ),
        fuels=("Дизель", "Бензин", "Гибрид", "Электро"),
        gearboxes=("Механика", "Автомат", "не указано"),
        conditions=("Отличное", "Очень хорошее", "Хорошее", "Удовлетворительное", "На запчасти", "Битый"),
        no_yes=("Нет", "Да"),
        mileage="{}",
        price="{} руб.",
        on_request="Договорная",
        thousands=" ",
        rate=9.0,
        date_format="%d.%m.%Y",
        encoding="cp1251",
        separator=";",
        makes={
            "Renault": "Рено",
            "Peugeot": "Пежо",
            "Toyota": "Тойота",
            "Hyundai": "Хендай",
            "Kia": "Киа",
            "Ford": "Форд",
            "Opel": "Опель",
        },
    ),
    "ar": Tongue(
        headers=(
            "رقم الإعلان",
            "الماركة",
            "الموديل",
            "سنة الصنع",
            "عدد الكيلومترات",
            "نوع الوقود",
            "ناقل الحركة",
            "الحالة",
            "المالك الأول",
            "المدينة",
            "السعر",
            "تاريخ النشر",
        ),
        fuels=("ديزل", "بنزين", "هجين", "كهربائي"),
        gearboxes=("يدوي", "أوتوماتيك", "غير محدد"),
        conditions=("ممتاز", "جيد جدا", "جيد", "مقبول", "قطع غيار", "متضرر"),
        no_yes=("لا", "نعم"),
        mileage="{} كم",
        price="{} ريال",
        on_request="السعر عند الطلب",
        thousands=",",
        rate=0.37,
        date_format="%Y-%m-%d",
        encoding="utf-16",
        digits="٠١٢٣٤٥٦٧٨٩",
        makes={
            "Renault": "رينو",
            "Peugeot": "بيجو",
            "Toyota": "تويوتا",
            "Hyundai": "هيونداي",
            "Kia": "كيا",
            "Ford": "فورد",
            "Nissan": "نيسان",
        },
    ),
}


def write_abroad(folder: Path, plan: SamplePlan, language: str, file_format: str) -> list[Path]:
    """Write a delivery for each night of the plan, in a language of TONGUES and one of FORMATS; return their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    write_note(folder / SYNTHETIC_NOTE_NAME, plan)
    adverts, tongue = make_adverts(plan), TONGUES[language]
    paths = []
    for night in range(plan.nights):
        day = (FIRST_NIGHT + timedelta(days=night)).isoformat()
        path = folder / f"{day}.{'csv.zip' if file_format == 'zip' else file_format}"
        content = _WRITERS[file_format](lay_out(adverts, plan, night, tongue), tongue, f"{day}.csv")
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(content)
        temporary.replace(path)
        paths.append(path)
    return paths


def lay_out(adverts: pd.DataFrame, plan: SamplePlan, night: int, tongue: Tongue) -> pd.DataFrame:
    """Lay out one night's adverts as a site of that country would: text under its headers."""
    shown = adverts.iloc[place_rows(adverts, plan, night)]
    posted = [FIRST_NIGHT + timedelta(days=int(first)) for first in shown["first_night"]]
    published: dict[str, Sequence[object] | pd.Series | np.ndarray] = {
        "id": shown["advert_id"].astype(str),
        "make": [tongue.makes.get(make, make) for make in shown["Marque"]],
        "model": shown["Modèle"].astype(str),
        "year": [tongue.year.format(_write_figures(str(year), tongue)) for year in shown["Année-Modèle"]],
        "mileage": [tongue.mileage.format(_group(km * tongue.distance, tongue)) for km in shown["true_km"]],
        "fuel": np.array(tongue.fuels)[shown["Type de carburant"].cat.codes],
        "gearbox": np.array(tongue.gearboxes)[shown["Boite de vitesses"].cat.codes],
        "condition": [_word(value, list(shown["État"].cat.categories), tongue.conditions) for value in shown["État"]],
        "first_owner": [
            _word(value, list(shown["Première main"].cat.categories), tongue.no_yes) for value in shown["Première main"]
        ],
        "city": shown["Ville"].astype(str),
        "price": [_write_price(price, tongue) for price in publish_prices(shown, night)],
        "posted": [_write_figures(day.strftime(tongue.date_format), tongue) for day in posted],
    }
    rows = pd.DataFrame({header: list(published[name]) for header, name in zip(tongue.headers, FIELDS, strict=True)}, dtype="str")
    return rows.fillna("")


def _word(value: object, categories: Sequence[str], words: tuple[str, ...]) -> str:
    return words[categories.index(value)] if isinstance(value, str) else ""


def _write_price(price: object, tongue: Tongue) -> str:
    if price == "":
        return ""
    return (
        tongue.price.format(_group(round(float(str(price)) * tongue.rate, -2), tongue))
        if isinstance(price, int)
        else tongue.on_request
    )


def _group(number: float, tongue: Tongue) -> str:
    return _write_figures(f"{round(number):,}".replace(",", tongue.thousands), tongue)


def _write_figures(text: str, tongue: Tongue) -> str:
    return "".join(tongue.digits[int(letter)] if letter.isdecimal() else letter for letter in text) if tongue.digits else text


def _write_csv(rows: pd.DataFrame, tongue: Tongue, _name: str) -> bytes:
    return rows.to_csv(index=False, sep=tongue.separator, lineterminator="\n").encode(tongue.encoding, errors="replace")


def _write_gzip(rows: pd.DataFrame, tongue: Tongue, name: str) -> bytes:
    return gzip.compress(_write_csv(rows, tongue, name), mtime=0)


def _write_zip(rows: pd.DataFrame, tongue: Tongue, name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), _write_csv(rows, tongue, name), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _write_xlsx(rows: pd.DataFrame, _tongue: Tongue, _name: str) -> bytes:
    stream = io.BytesIO()
    rows.to_excel(stream, index=False, engine="openpyxl")
    return stream.getvalue()


def _write_jsonl(rows: pd.DataFrame, _tongue: Tongue, _name: str) -> bytes:
    return str(rows.to_json(orient="records", lines=True, force_ascii=False)).encode()


def _write_parquet(rows: pd.DataFrame, _tongue: Tongue, _name: str) -> bytes:
    stream = io.BytesIO()
    rows.to_parquet(stream, index=False)
    return stream.getvalue()


_WRITERS: dict[str, Callable[[pd.DataFrame, Tongue, str], bytes]] = {
    "csv": _write_csv,
    "csv.gz": _write_gzip,
    "zip": _write_zip,
    "xlsx": _write_xlsx,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
