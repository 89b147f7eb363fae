"""How listings become codes and numbers."""

import numpy as np
import pandas as pd

from pipeline.valuation.encoding import UNKNOWN, encode, learn_encoding, native_categories

KINDS = {"make": "category", "model": "category", "fuel": "category", "year": "number", "mileage_km": "number"}
LISTINGS = pd.DataFrame(
    {
        "make": ["Fiat", "Fiat", "Fiat", "Opel"],
        "model": ["Doblo", "Doblo Cargo", "Doblo", "Corsa"],
        "fuel": ["diesel", None, "diesel", "petrol"],
        "year": [2010.0, 2012.0, np.nan, 2014.0],
        "mileage_km": [100_000.0, np.nan, 50_000.0, 0.0],
    }
)


def test_levels_are_numbered_by_how_common_they_are():
    encoded = encode(LISTINGS, learn_encoding(LISTINGS, KINDS))
    assert encoded.code("make").tolist() == [0, 0, 0, 1]
    assert encoded.code("fuel").tolist() == [0, UNKNOWN, 0, 1]


def test_a_model_becomes_a_car_and_a_family():
    encoded = encode(LISTINGS, learn_encoding(LISTINGS, KINDS))
    assert encoded.code("family").tolist() == [0, 0, 0, 1]
    assert len(set(encoded.code("car").tolist())) == 3
    assert encoded.code("model").tolist() == [UNKNOWN] * 4


def test_unseen_levels_and_absent_columns_are_unknown():
    asked = pd.DataFrame({"make": ["Zzz"], "model": ["Doblo"], "year": [2011.0]})
    encoded = encode(asked, learn_encoding(LISTINGS, KINDS))
    assert {name: encoded.code(name).item() for name in encoded.categories} == dict.fromkeys(encoded.categories, UNKNOWN)
    assert np.isnan(encoded.numbers[0, encoded.number_names.index("mileage_km")])
    assert np.isnan(native_categories(encoded)).all()


def test_numbers_are_derived_from_mileage_and_year():
    encoded = encode(LISTINGS, learn_encoding(LISTINGS, KINDS))
    numbers = dict(zip(encoded.number_names, encoded.numbers.T, strict=True))
    np.testing.assert_allclose(numbers["log_mileage"], [np.log(11), np.nan, np.log(6), 0])
    assert np.isnan(numbers["km_per_year"][[1, 2]]).all()


def test_a_mileage_that_is_not_believed_is_as_if_it_were_not_told():
    cars = pd.DataFrame(
        {"make": "Fiat", "model": "Doblo", "fuel": "diesel", "year": [2004.0, 2014.0] * 50, "mileage_km": 90_000.0}
    )
    slip = cars.iloc[:2].assign(mileage_km=90.0)
    encoding = learn_encoding(pd.concat([cars, slip]), KINDS)
    encoded, untold = (encode(listings, encoding) for listings in (slip, slip.assign(mileage_km=np.nan)))
    is_of_mileage = np.array([name != "year" for name in encoded.number_names])
    np.testing.assert_array_equal(encoded.numbers[0], untold.numbers[0])
    assert np.isnan(encoded.numbers[0, is_of_mileage]).all()
    assert not np.isnan(encoded.numbers[1]).any()  # of the newest year


def test_constant_and_empty_columns_are_left_out():
    encoding = learn_encoding(LISTINGS.assign(fuel="diesel", mileage_km=np.nan), KINDS)
    assert (encoding.categories, encoding.numbers) == (["make", "model"], ["year"])
