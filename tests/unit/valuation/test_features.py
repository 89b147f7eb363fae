"""What of a listing a model sees."""

import numpy as np
import pandas as pd
import pytest

from pipeline.valuation.features import FeatureChoice, choose_features, select_features

KINDS = {"make": "category", "fuel": "category", "year": "number", "has_abs": "boolean"}
LISTINGS = pd.DataFrame(
    {
        "make": pd.Series(["Audi", "VW", "VW"], dtype="str"),
        "fuel": pd.Series(["petrol", None, "diesel"], dtype="str"),
        "year": [2010.0, np.nan, 2012.0],
        "has_abs": pd.Series([True, None, False], dtype="boolean"),
    }
)


def test_categories_come_first_and_all_else_is_a_number():
    choice = choose_features(LISTINGS, KINDS)
    assert choice.columns == ["make", "fuel", "year", "has_abs"]
    assert choice.categories == ("make", "fuel")
    assert choice.refused == {}


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("make", ["Audi", "Audi", "Audi"], "always Audi"),
        ("make", ["Audi", None, "Audi"], "always Audi or missing"),
        ("year", [2010.0, 2010.0, 2010.0], "always 2010.0"),
        ("year", [np.nan, np.nan, np.nan], "always missing"),
        ("has_abs", [False, False, False], "always False"),
        ("has_abs", [None, None, None], "always missing"),
    ],
)
def test_a_constant_column_is_refused_by_name_with_the_reason(name, values, reason):
    listings = LISTINGS.assign(**{name: pd.Series(values, dtype=LISTINGS[name].dtype)})
    choice = choose_features(listings, KINDS)
    assert choice.refused == {name: reason}
    assert name not in choice.columns


def test_a_column_that_is_no_feature_is_not_even_looked_at():
    choice = choose_features(LISTINGS.assign(price=1.0), KINDS)
    assert "price" not in choice.columns
    assert "price" not in choice.refused


def test_the_features_are_text_with_none_and_floats_with_nan():
    features = select_features(LISTINGS, choose_features(LISTINGS, KINDS))
    assert features["fuel"].tolist() == ["petrol", None, "diesel"]
    assert features["fuel"].dtype == object
    np.testing.assert_array_equal(features[["year", "has_abs"]].to_numpy(), [[2010, 1], [np.nan, np.nan], [2012, 0]])
    assert set(features[["year", "has_abs"]].dtypes) == {np.dtype("float64")}


def test_the_features_of_one_car_look_like_those_of_many():
    choice = choose_features(LISTINGS, KINDS)
    many = select_features(LISTINGS, choice)
    for number in range(len(LISTINGS)):
        one = select_features(LISTINGS.iloc[[number]], choice)
        pd.testing.assert_frame_equal(one, many.iloc[[number]])


def test_features_can_be_selected_from_no_listings_and_for_no_columns():
    choice = choose_features(LISTINGS, KINDS)
    assert select_features(LISTINGS.iloc[:0], choice).dtypes.to_dict() == select_features(LISTINGS, choice).dtypes.to_dict()
    assert select_features(LISTINGS, FeatureChoice((), (), {})).columns.empty
