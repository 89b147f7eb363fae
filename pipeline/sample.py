"""Make synthetic nightly deliveries of used-car adverts in the full Avito Morocco schema, real defects included."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple, TextIO
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Column = npt.NDArray[np.generic] | pd.Categorical | pd.Series | list[str] | bool
Columns = dict[str, Column]

FIRST_NIGHT = date(2025, 1, 6)
MAX_NIGHTS = 3650
FIRST_ADVERT_ID = 50_000_000  # eight digits, above every id of the real site's extract
SYNTHETIC_NOTE_NAME = "SYNTHETIC.txt"
ROWS_PER_CHUNK = 50_000  # bounds the memory spent on text while a night is written

# --- What an advert can say -------------------------------------------------------------------------------------------

DELIVERY_COLUMNS = (
    "Lien",
    "Ville",
    "Secteur",
    "Marque",
    "Modèle",
    "Année-Modèle",
    "Kilométrage",
    "Type de carburant",
    "Puissance fiscale",
    "Boite de vitesses",
    "Nombre de portes",
    "Origine",
    "Première main",
    "État",
    "Jantes aluminium",
    "Airbags",
    "Climatisation",
    "Système de navigation/GPS",
    "Toit ouvrant",
    "Sièges cuir",
    "Radar de recul",
    "Caméra de recul",
    "Vitres électriques",
    "ABS",
    "ESP",
    "Régulateur de vitesse",
    "Limiteur de vitesse",
    "CD/MP3/Bluetooth",
    "Ordinateur de bord",
    "Verrouillage centralisé à distance",
    "Prix",
)


class Choice(NamedTuple):
    """One value of a categorical column: its text, its share of the filled cells, its effect on the log price."""

    text: str
    share: float
    log_effect: float


class Equipment(NamedTuple):
    """One equipment column that varies: its name, the share of True, its effect on the log price."""

    column: str
    share: float
    log_effect: float


class City(NamedTuple):
    """One city: its share of the adverts, its effect on the log price, the districts sellers name."""

    name: str
    share: float
    log_effect: float
    sectors: tuple[str, ...] = ()


class Make(NamedTuple):
    """One make: its share, its first-year loss on the log price, its shares of imported, hybrid, electric cars."""

    name: str
    share: float
    yearly_loss: float
    cleared_share: float
    hybrid_share: float = 0.0
    electric_share: float = 0.0


class Model(NamedTuple):
    """One model: its weight within its make, its years on sale, and what the typical advert of it looks like."""

    make: str
    name: str
    weight: int
    first_year: int
    last_year: int
    typical_year: int
    typical_price_kmad: int
    power_cv: int
    petrol_share: float
    automatic_share: float
    three_door_share: float = 0.02


EQUIPMENT = (
    Equipment("Airbags", 0.570, 0.02),
    Equipment("Climatisation", 0.594, 0.03),
    Equipment("ABS", 0.529, 0.02),
    Equipment("ESP", 0.368, 0.05),
    Equipment("CD/MP3/Bluetooth", 0.523, 0.01),
)
# The site's extract carries these columns but never fills them.
UNUSED_EQUIPMENT = (
    "Jantes aluminium",
    "Système de navigation/GPS",
    "Toit ouvrant",
    "Sièges cuir",
    "Radar de recul",
    "Caméra de recul",
    "Vitres électriques",
    "Régulateur de vitesse",
    "Limiteur de vitesse",
    "Ordinateur de bord",
    "Verrouillage centralisé à distance",
)

FUELS = ("Diesel", "Essence", "Hybride", "Electrique")
FUEL_LOG_EFFECTS = (0.0, -0.05, 0.10, 0.12)
GEARBOXES = ("Manuelle", "Automatique", "--")
AUTOMATIC_LOG_EFFECT = 0.08
DOORS = ("5", "3")
FIRST_HAND = ("Non", "Oui")
FIRST_HAND_LOG_EFFECT = 0.06
# From best to worst: a car's latent quality is cut at the cumulated shares.
CONDITIONS = (
    Choice("Excellent", 0.4841, 0.05),
    Choice("Très bon", 0.4090, 0.0),
    Choice("Bon", 0.1013, -0.08),
    Choice("Correct", 0.0049, -0.20),
    Choice("Pour Pièces", 0.0005, -1.10),
    Choice("Endommagé", 0.0002, -0.90),
)
# "Dédouanée" takes the make's `cleared_share`; the shares here are those of the remaining cars.
ORIGINS = (
    Choice("WW au Maroc", 0.9340, 0.0),
    Choice("Dédouanée", 0.0, -0.03),
    Choice("Importée neuve", 0.0615, 0.04),
    Choice("Pas encore dédouanée", 0.0045, -0.25),
)
CLEARED = 1

MISSING_SHARES = {
    "Secteur": 0.564,
    "Nombre de portes": 0.177,
    "Origine": 0.213,
    "Première main": 0.251,
    "État": 0.270,
}
UNSTATED_GEARBOX_SHARE = 0.1173

# How columns hang together: shares of explained variance, fitted to the correlations between the real columns.
NEWNESS_IN_DILIGENCE = 0.015
NEWNESS_IN_CONDITION = 0.10
DILIGENCE_IN_EQUIPMENT = 0.92
DILIGENCE_IN_FILLED_FIELDS = 0.7
FIRST_HAND_LOG_ODDS_AGAINST = 0.66
FIRST_HAND_LOG_ODDS_OF_NEWNESS = 0.95

YEAR_SHARES = {
    1990: 0.0006,
    1991: 0.0018,
    1992: 0.0036,
    1993: 0.0020,
    1994: 0.0008,
    1995: 0.0020,
    1996: 0.0018,
    1997: 0.0023,
    1998: 0.0045,
    1999: 0.0067,
    2000: 0.0107,
    2001: 0.0102,
    2002: 0.0122,
    2003: 0.0138,
    2004: 0.0176,
    2005: 0.0258,
    2006: 0.0316,
    2007: 0.0485,
    2008: 0.0629,
    2009: 0.0586,
    2010: 0.0543,
    2011: 0.0593,
    2012: 0.0683,
    2013: 0.0626,
    2014: 0.0651,
    2015: 0.0639,
    2016: 0.0825,
    2017: 0.0851,
    2018: 0.0672,
    2019: 0.0426,
    2020: 0.0176,
    2021: 0.0127,
    2022: 0.0020,
    2023: 0.0016,
    2024: 0.0012,
    2025: 0.0004,
}
MEAN_YEAR = 2011.9
YEAR_SPREAD_YEARS = 5.5
MODEL_SPREAD_YEARS = 4.0  # how far a model's adverts stray from its typical year

# Lower bounds of the site's mileage ranges; each range ends one kilometre before the next begins.
KM_BOUNDS = (*range(0, 100_000, 5_000), *range(100_000, 200_000, 10_000), *range(200_000, 500_001, 50_000))

GENERIC_SECTORS = ("Toute la ville", "Autre secteur", "Centre Ville")
GENERIC_SECTOR_PARTS = (0.6, 0.2, 0.2)

# What sellers write above the advert; it ends up in the URL.
TITLE_PATTERNS = ("{make} {model}", "{model}", "{make} {model} propre", "{model} bon etat", "{model} a vendre")

CITIES = (
    City(
        "Casablanca",
        0.253,
        0.02,
        ("Maarif", "Aïn Sebaâ", "Sidi Bernoussi", "Anfa", "Oulfa", "Hay Hassani", "Bourgogne", "2 Mars", "Polo"),
    ),
    City("Rabat", 0.075, 0.03, ("Agdal", "Hay Riad", "Océan", "Yacoub El Mansour", "Souissi", "Akkari")),
    City("Marrakech", 0.061, 0.01, ("Guéliz", "Route de Safi", "Massira 1", "Daoudiate", "Hay Mohammadi", "Targa")),
    City("Fès", 0.059, -0.01, ("Narjis", "Route d'Imouzzer", "Saada", "Atlas", "Zouagha")),
    City("Agadir", 0.056, 0.0, ("Dakhla", "Hay Salam", "Talborjt", "Founty", "Tikiouine")),
    City("Tanger", 0.053, 0.01, ("Iberie", "Malabata", "Mesnana", "Boukhalef", "Val Fleuri")),
    City("Meknès", 0.043, -0.02, ("Zitoune", "Hamria", "Marjane", "Bassatine")),
    City("Salé", 0.038, 0.0, ("Tabriquet", "Hay Karima", "Sala Al Jadida", "Bettana")),
    City("Kénitra", 0.038, 0.0, ("Maamora", "Val Fleury", "Mimosas", "Bir Rami")),
    City("Temara", 0.031, 0.02, ("Massira 2", "Wifak", "Harhoura")),
    City("El Jadida", 0.027, -0.01),
    City("Mohammedia", 0.026, 0.01, ("El Alia", "Kasbah", "Monica")),
    City("Oujda", 0.025, -0.03),
    City("Tétouan", 0.022, 0.0),
    City("Nador", 0.020, 0.0),
    City("Safi", 0.018, -0.02),
    City("Béni Mellal", 0.017, -0.03),
    City("Khouribga", 0.015, -0.03),
    City("Settat", 0.014, -0.02),
    City("Berrechid", 0.013, -0.01),
    City("Khémisset", 0.012, -0.02),
    City("Larache", 0.010, -0.01),
    City("Taza", 0.009, -0.03),
    City("Berkane", 0.009, -0.02),
    City("Essaouira", 0.008, -0.01),
    City("Fquih Ben Saleh", 0.008, -0.02),
    City("Errachidia", 0.007, -0.03),
    City("Laâyoune", 0.007, -0.02),
    City("Ouarzazate", 0.006, -0.03),
    City("Guelmim", 0.005, -0.03),
    City("Dakhla", 0.005, -0.03),
    City("Taroudant", 0.005, -0.02),
    City("Sidi Kacem", 0.005, -0.03),
    City("Sidi Slimane", 0.004, -0.03),
)

MAKES = (
    Make("Volkswagen", 0.1414, 0.158, 0.32),
    Make("Renault", 0.1375, 0.165, 0.08, electric_share=0.006),
    Make("Dacia", 0.1214, 0.128, 0.02),
    Make("Peugeot", 0.0798, 0.173, 0.10),
    Make("Mercedes-Benz", 0.0788, 0.165, 0.45),
    Make("Ford", 0.0653, 0.18, 0.12),
    Make("Hyundai", 0.0643, 0.173, 0.14, hybrid_share=0.010),
    Make("Citroen", 0.0474, 0.18, 0.12),
    Make("Fiat", 0.0432, 0.173, 0.10),
    Make("Toyota", 0.0366, 0.135, 0.28, hybrid_share=0.030),
    Make("Audi", 0.0308, 0.18, 0.42),
    Make("BMW", 0.0237, 0.188, 0.42, electric_share=0.006),
    Make("Opel", 0.0236, 0.18, 0.22),
    Make("Nissan", 0.0215, 0.165, 0.14, electric_share=0.016),
    Make("Kia", 0.0198, 0.173, 0.14, hybrid_share=0.010),
    Make("Skoda", 0.0147, 0.165, 0.22),
    Make("Seat", 0.0134, 0.165, 0.25),
    Make("Land Rover", 0.0126, 0.195, 0.35),
    Make("Jeep", 0.0082, 0.188, 0.18),
    Make("Alfa Romeo", 0.0052, 0.195, 0.20),
    Make("Chevrolet", 0.0037, 0.18, 0.10),
    Make("mini", 0.0036, 0.165, 0.35),
    Make("Suzuki", 0.0035, 0.15, 0.20),
)

MODELS = (
    Model("Volkswagen", "GOLF 4", 490, 1998, 2006, 2001, 72, 8, 0.03, 0.01, 0.10),
    Model("Volkswagen", "GOLF 5", 301, 2004, 2009, 2007, 86, 8, 0.07, 0.09, 0.04),
    Model("Volkswagen", "GOLF 6", 162, 2008, 2013, 2010, 125, 6, 0.02, 0.15, 0.03),
    Model("Volkswagen", "GOLF 7", 284, 2013, 2020, 2016, 190, 8, 0.01, 0.53),
    Model("Volkswagen", "Passat", 415, 1990, 2021, 2008, 95, 8, 0.04, 0.17),
    Model("Volkswagen", "Polo", 320, 1996, 2023, 2011, 89, 6, 0.39, 0.08, 0.06),
    Model("Volkswagen", "Tiguan", 291, 2008, 2025, 2016, 250, 8, 0.0, 0.62),
    Model("Volkswagen", "Caddy", 291, 2004, 2023, 2014, 135, 8, 0.0, 0.08),
    Model("Volkswagen", "Touareg", 282, 2003, 2022, 2010, 122, 12, 0.0, 0.82),
    Model("Volkswagen", "Touran", 216, 2003, 2020, 2012, 145, 8, 0.0, 0.27),
    Model("Volkswagen", "Jetta", 130, 2005, 2018, 2015, 150, 8, 0.02, 0.25),
    Model("Renault", "Kangoo", 1213, 1998, 2022, 2011, 77, 6, 0.02, 0.01, 0.03),
    Model("Renault", "Clio", 849, 1996, 2025, 2016, 104, 6, 0.14, 0.11, 0.03),
    Model("Renault", "Megane", 349, 1996, 2016, 2007, 73, 6, 0.02, 0.11, 0.02),
    Model("Renault", "Megane 3", 170, 2009, 2016, 2011, 97, 6, 0.04, 0.02, 0.02),
    Model("Renault", "Scenic", 147, 1997, 2016, 2007, 73, 6, 0.02, 0.01),
    Model("Renault", "Laguna", 94, 1994, 2014, 2007, 67, 7, 0.03, 0.02),
    Model("Renault", "Fluence", 75, 2010, 2016, 2014, 98, 6, 0.04, 0.09),
    Model("Renault", "Captur", 66, 2013, 2025, 2018, 159, 6, 0.0, 0.16),
    Model("Dacia", "Logan", 1128, 2005, 2025, 2014, 80, 6, 0.05, 0.01),
    Model("Dacia", "Dokker", 687, 2012, 2021, 2017, 104, 6, 0.01, 0.01),
    Model("Dacia", "Duster", 570, 2010, 2025, 2015, 122, 6, 0.0, 0.11),
    Model("Dacia", "Sandero", 555, 2008, 2025, 2016, 88, 6, 0.05, 0.02),
    Model("Dacia", "Lodgy", 39, 2012, 2021, 2016, 108, 6, 0.0, 0.01),
    Model("Dacia", "Dokker Van", 21, 2012, 2021, 2015, 88, 6, 0.0, 0.0, 0.85),
    Model("Peugeot", "308", 253, 2007, 2024, 2012, 95, 6, 0.13, 0.08),
    Model("Peugeot", "208", 217, 2012, 2025, 2017, 113, 6, 0.08, 0.02),
    Model("Peugeot", "301", 186, 2012, 2021, 2016, 90, 6, 0.15, 0.01),
    Model("Peugeot", "Tepee", 183, 2008, 2019, 2014, 101, 6, 0.05, 0.0),
    Model("Peugeot", "Partner", 168, 1997, 2023, 2010, 68, 7, 0.04, 0.0, 0.10),
    Model("Peugeot", "508", 144, 2011, 2022, 2014, 125, 6, 0.02, 0.14),
    Model("Peugeot", "206+", 114, 2009, 2014, 2012, 68, 6, 0.42, 0.0, 0.08),
    Model("Peugeot", "207", 96, 2006, 2013, 2009, 72, 6, 0.12, 0.03, 0.08),
    Model("Mercedes-Benz", "220", 684, 1993, 2016, 2004, 98, 9, 0.02, 0.48),
    Model("Mercedes-Benz", "Classe C", 395, 1994, 2023, 2008, 149, 9, 0.02, 0.59),
    Model("Mercedes-Benz", "190", 120, 1990, 1993, 1992, 65, 8, 0.02, 0.04),
    Model("Mercedes-Benz", "Classe E", 144, 1995, 2023, 2010, 164, 9, 0.0, 0.90),
    Model("Mercedes-Benz", "Classe A", 84, 1998, 2023, 2014, 195, 8, 0.04, 0.65),
    Model("Mercedes-Benz", "Classe B", 78, 2005, 2018, 2009, 98, 8, 0.12, 0.17),
    Model("Mercedes-Benz", "250", 64, 1990, 2004, 1997, 65, 10, 0.0, 0.16),
    Model("Mercedes-Benz", "CLASSE ML", 45, 1998, 2015, 2007, 95, 12, 0.0, 0.83),
    Model("Ford", "Focus", 541, 1999, 2021, 2012, 110, 6, 0.01, 0.03),
    Model("Ford", "Fiesta", 505, 2002, 2022, 2014, 93, 6, 0.30, 0.01, 0.04),
    Model("Ford", "Kuga", 213, 2008, 2023, 2014, 160, 8, 0.0, 0.10),
    Model("Ford", "C-Max", 94, 2004, 2019, 2013, 128, 6, 0.06, 0.04),
    Model("Ford", "Transit", 42, 1992, 2022, 2015, 160, 9, 0.0, 0.0),
    Model("Ford", "Ka", 36, 1997, 2016, 2011, 72, 5, 0.83, 0.0, 0.80),
    Model("Hyundai", "Santa Fe", 340, 2001, 2020, 2009, 95, 9, 0.0, 0.48),
    Model("Hyundai", "Accent", 211, 1996, 2023, 2014, 105, 6, 0.06, 0.26),
    Model("Hyundai", "Tucson", 207, 2004, 2025, 2010, 92, 8, 0.04, 0.34),
    Model("Hyundai", "i 10", 195, 2008, 2023, 2013, 66, 6, 0.97, 0.09),
    Model("Hyundai", "ix 35", 170, 2010, 2016, 2013, 140, 8, 0.0, 0.37),
    Model("Hyundai", "i 30", 151, 2008, 2021, 2013, 117, 6, 0.0, 0.23),
    Model("Citroen", "Berlingo", 462, 1997, 2022, 2012, 98, 6, 0.02, 0.02, 0.04),
    Model("Citroen", "C3", 176, 2002, 2024, 2015, 94, 6, 0.19, 0.02),
    Model("Citroen", "C4", 172, 2004, 2018, 2008, 73, 6, 0.03, 0.0, 0.06),
    Model("Citroen", "C5", 105, 2001, 2017, 2009, 85, 8, 0.06, 0.42),
    Model("Citroen", "C4 Picasso", 48, 2006, 2018, 2009, 84, 6, 0.0, 0.21),
    Model("Citroen", "C-Elysée", 72, 2012, 2021, 2016, 94, 6, 0.12, 0.0),
    Model("Fiat", "Doblo", 327, 2001, 2022, 2014, 79, 5, 0.02, 0.01, 0.03),
    Model("Fiat", "Punto", 204, 1996, 2018, 2012, 71, 5, 0.24, 0.03, 0.12),
    Model("Fiat", "500", 142, 2008, 2023, 2015, 96, 6, 0.74, 0.22, 0.85),
    Model("Fiat", "FIORINO", 96, 2008, 2022, 2017, 95, 5, 0.0, 0.0, 0.05),
    Model("Fiat", "TIPO", 94, 2016, 2024, 2018, 117, 6, 0.03, 0.07),
    Model("Fiat", "Panda", 27, 2004, 2022, 2017, 77, 6, 0.95, 0.0),
    Model("Toyota", "Corolla", 231, 1990, 2022, 2008, 72, 8, 0.10, 0.0),
    Model("Toyota", "RAV 4", 208, 1995, 2023, 2008, 98, 9, 0.01, 0.10),
    Model("Toyota", "Prado", 90, 1996, 2023, 2007, 100, 12, 0.0, 0.19),
    Model("Toyota", "Yaris", 78, 2000, 2024, 2012, 74, 6, 0.73, 0.05, 0.05),
    Model("Toyota", "Hilux", 75, 1990, 2024, 2008, 120, 10, 0.0, 0.0, 0.05),
    Model("Toyota", "Auris", 57, 2007, 2018, 2012, 98, 5, 0.21, 0.0),
    Model("Toyota", "Land Cruiser", 25, 1990, 2022, 2002, 115, 12, 0.0, 0.32),
    Model("Audi", "A3", 186, 1997, 2023, 2013, 200, 8, 0.02, 0.62, 0.08),
    Model("Audi", "Q5", 159, 2009, 2023, 2014, 270, 8, 0.0, 0.85),
    Model("Audi", "A4", 157, 1995, 2022, 2008, 126, 8, 0.04, 0.38),
    Model("Audi", "A6", 60, 1995, 2022, 2010, 142, 8, 0.10, 0.62),
    Model("Audi", "Q7", 54, 2006, 2022, 2009, 198, 12, 0.0, 0.90),
    Model("Audi", "A5", 45, 2008, 2020, 2011, 175, 8, 0.13, 0.85, 0.15),
    Model("BMW", "Serie 5", 126, 1990, 2022, 2011, 164, 8, 0.14, 0.78),
    Model("BMW", "Serie 3", 117, 1990, 2022, 2010, 140, 8, 0.18, 0.50),
    Model("BMW", "Serie 1", 99, 2004, 2021, 2011, 124, 8, 0.15, 0.24, 0.08),
    Model("BMW", "X5", 72, 2000, 2021, 2008, 122, 12, 0.08, 0.81),
    Model("BMW", "X3", 30, 2004, 2022, 2012, 194, 8, 0.0, 0.80),
    Model("BMW", "X1", 24, 2010, 2022, 2012, 146, 8, 0.25, 0.43),
    Model("Opel", "Astra", 323, 1992, 2022, 2012, 105, 7, 0.02, 0.08),
    Model("Opel", "Corsa", 84, 1993, 2024, 2013, 85, 5, 0.39, 0.0, 0.08),
    Model("Opel", "Insignia", 81, 2009, 2021, 2011, 106, 8, 0.07, 0.54),
    Model("Opel", "Zafira", 15, 2000, 2015, 2007, 80, 8, 0.0, 0.0),
    Model("Nissan", "Qashqai", 309, 2007, 2024, 2015, 162, 6, 0.01, 0.17),
    Model("Nissan", "Juke", 70, 2010, 2023, 2015, 135, 6, 0.04, 0.05),
    Model("Nissan", "Micra", 39, 1994, 2022, 2017, 116, 6, 0.31, 0.0, 0.05),
    Model("Nissan", "Pathfinder", 27, 1998, 2013, 2007, 104, 10, 0.0, 0.25),
    Model("Nissan", "Navara", 15, 2002, 2021, 2006, 88, 10, 0.0, 0.22),
    Model("Kia", "Sportage", 124, 1997, 2024, 2011, 118, 8, 0.02, 0.33),
    Model("Kia", "Carens", 120, 2001, 2018, 2008, 72, 8, 0.0, 0.0),
    Model("Kia", "Sorento", 79, 2002, 2022, 2008, 70, 10, 0.04, 0.22),
    Model("Kia", "Picanto", 45, 2004, 2024, 2015, 100, 6, 1.0, 0.22),
    Model("Kia", "Ceed", 36, 2007, 2019, 2011, 88, 6, 0.0, 0.19),
    Model("Skoda", "Octavia", 248, 1999, 2023, 2012, 124, 8, 0.01, 0.17),
    Model("Skoda", "Superb", 33, 2002, 2022, 2012, 115, 8, 0.18, 0.50),
    Model("Skoda", "Fabia", 27, 2000, 2022, 2011, 75, 6, 0.56, 0.0),
    Model("Skoda", "Yeti", 21, 2010, 2017, 2014, 135, 8, 0.0, 0.0),
    Model("Seat", "Leon", 175, 2000, 2023, 2014, 143, 8, 0.07, 0.11, 0.03),
    Model("Seat", "Ibiza", 116, 1994, 2023, 2015, 96, 6, 0.37, 0.0, 0.10),
    Model("Seat", "Cordoba", 15, 1994, 2009, 2007, 64, 8, 0.0, 0.10),
    Model("Seat", "ALTEA XL", 9, 2006, 2015, 2009, 110, 8, 0.0, 0.0),
    Model("Land Rover", "Range Rover Evoque", 129, 2012, 2022, 2015, 256, 8, 0.0, 0.89, 0.05),
    Model("Land Rover", "Range Rover Sport", 78, 2005, 2021, 2012, 265, 12, 0.0, 0.80),
    Model("Land Rover", "Freelander", 27, 1999, 2014, 2010, 110, 9, 0.0, 0.60),
    Model("Land Rover", "Defender", 15, 1990, 2016, 1999, 125, 10, 0.0, 0.0, 0.40),
    Model("Jeep", "Grand Cherokee", 94, 1996, 2021, 2014, 200, 12, 0.0, 0.95),
    Model("Jeep", "Cherokee", 36, 1997, 2019, 2014, 185, 8, 0.0, 0.47),
    Model("Jeep", "Compass", 33, 2007, 2023, 2014, 135, 9, 0.0, 0.11),
    Model("Jeep", "Renegade", 18, 2015, 2022, 2018, 205, 6, 0.0, 0.75),
    Model("Alfa Romeo", "Giulietta", 72, 2010, 2020, 2014, 120, 8, 0.12, 0.38),
    Model("Alfa Romeo", "159", 25, 2006, 2011, 2009, 75, 8, 0.12, 0.40),
    Model("Alfa Romeo", "147", 12, 2001, 2010, 2008, 60, 8, 0.0, 0.0, 0.30),
    Model("Alfa Romeo", "Mito", 6, 2009, 2018, 2013, 101, 5, 0.20, 0.0, 0.90),
    Model("Chevrolet", "Cruze", 42, 2009, 2016, 2012, 88, 8, 0.14, 0.08),
    Model("Chevrolet", "Captiva", 27, 2007, 2016, 2011, 93, 8, 0.0, 0.25),
    Model("Chevrolet", "Spark", 16, 2006, 2016, 2013, 65, 6, 1.0, 0.0),
    Model("Chevrolet", "Aveo", 8, 2004, 2014, 2010, 62, 6, 0.50, 0.0),
    Model("mini", "cooper", 60, 2002, 2023, 2008, 82, 9, 0.80, 0.28, 0.90),
    Model("mini", "one", 15, 2002, 2020, 2012, 110, 6, 0.40, 0.22, 0.85),
    Model("mini", "country man", 7, 2010, 2023, 2015, 205, 6, 0.40, 0.60),
    Model("mini", "cabrio", 6, 2005, 2020, 2009, 138, 9, 1.0, 0.10, 1.0),
    Model("Suzuki", "Grand Vitara", 48, 1999, 2015, 2008, 80, 7, 0.25, 0.0, 0.15),
    Model("Suzuki", "Vitara", 15, 1990, 2022, 2008, 87, 7, 0.20, 0.0, 0.15),
    Model("Suzuki", "Swift", 9, 2005, 2023, 2014, 70, 7, 1.0, 0.0, 0.10),
    Model("Suzuki", "Celerio", 6, 2014, 2022, 2015, 62, 6, 1.0, 0.0),
)

# --- The price model --------------------------------------------------------------------------------------------------

PRICE_LEVEL = -0.13  # log; sets the median of all asking prices to about 100 000 MAD
FLATTENING_YEARS = 12.0  # a car loses value ever slower: after this many years, at 1/e of its first-year pace
POWER_LOG_EFFECT_PER_CV = 0.03
USE_LOG_EFFECT = -0.12  # of a car driven twice as far as expected at its age
NOISE_LOG_SPREAD = 0.12
WILD_SHARE = 0.02
WILD_LOG_SPREAD = 0.40
MIN_PRICE_MAD = 20_000
MAX_PRICE_MAD = 1_500_000
ROUNDING_STEPS_MAD = (5_000, 1_000, 500)
ROUNDING_SHARES = (0.456, 0.532, 0.012)

POWER_OFFSETS_CV = (-1, 0, 1, 2)
POWER_OFFSET_SHARES = (0.04, 0.80, 0.11, 0.05)
MIN_POWER_CV = 5
MAX_POWER_CV = 14

LIFETIME_KM = 255_000  # the mileage an ever older car tends to
KM_FLATTENING_YEARS = 13.0
KM_LOG_SPREAD = 0.37
# The real extract has low mileages, "0 - 4 999" above all, at every age: not every seller states what he drove.
UNDERSTATED_KM_SHARE = 0.17
UNDERSTATED_KM_MAX_PART = 0.3
THOUSANDS_KM_SHARE = 0.03  # sellers who type 120 for 120 000

# --- How adverts live and what goes wrong -----------------------------------------------------------------------------

LEAVING_SHARE_PER_NIGHT = 0.15
CHANGED_PRICE_SHARE = 0.08
CUT_SHARE = 0.97
TYPICAL_CHANGE = 0.06
CHANGE_LOG_SPREAD = 0.5
MIN_CHANGE = 0.02  # below this, rounding could hide the change
MAX_CHANGE = 0.30
TRIPLED_SHARE = 1 / 3
PADDED_NAMES_SHARE = 0.01

HUGE_PRICE_MAD = 612_037_205
FUTURE_YEAR = 2060
TEXT_PRICE = "Prix à discuter"
# One advert each; the codes are positions. A plan of fewer than 100 adverts gets only the first ones, one per ten.
DEFECTS = ("none", "huge price", "zero price", "empty price", "price ten times too low", "text price", "future year")
MIN_DEFECTIVE_PRICE_MAD = 50_000
MAX_DEFECTIVE_PRICE_MAD = 200_000  # a tenth of it is still visibly not the price of a car


class NightDefects(NamedTuple):
    """Which night (counted from 0) is in latin-1, is header-only, misspells Kilométrage; None where no night is."""

    latin_1: int | None
    header_only: int | None
    renamed: int | None


@dataclass(frozen=True)
class SamplePlan:
    """What to make: distinct adverts over all nights, consecutive nights, and the seed that decides the rest.

    Raises ValueError, naming the parameter and its value, when rows < 1, nights < 1, nights > 3650 or seed < 0.
    """

    rows: int = 3000
    nights: int = 8
    seed: int = 20250106

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be made."""
        if self.rows < 1:
            raise ValueError(f"rows must be at least 1, not {self.rows}")
        if not 1 <= self.nights <= MAX_NIGHTS:
            raise ValueError(f"nights must be between 1 and {MAX_NIGHTS}, not {self.nights}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, not {self.seed}")


def make_adverts(plan: SamplePlan) -> pd.DataFrame:
    """Make all adverts of the plan: one row each, `plan.rows` rows, in order of arrival.

    Columns named as in the deliveries hold what every delivery publishes of the advert (NaN where the seller left the
    field empty). The hidden ones are: advert_id (eight digits, ends the URL); true_km; true_gearbox (0 manual,
    1 automatic); model_price_mad (what the price model says, without noise); true_price_mad (what the seller asks
    first, without typing mistakes); first_night and last_night (counted from 0, last_night may lie after the plan's
    end) and lifetime_nights; change_night (`plan.nights` if the price never changes) and changed_price_mad;
    defect (a position in DEFECTS); names_padded; model_code, city_code and title_code.
    """
    rng = np.random.Generator(np.random.PCG64(plan.seed))
    adverts = draw_cars(rng, plan.rows)
    adverts = adverts.assign(**draw_engines(rng, adverts))
    adverts = adverts.assign(**draw_use(rng, adverts))
    adverts = adverts.assign(**draw_places(rng, plan.rows))
    adverts = adverts.assign(**draw_sellers(rng, adverts))
    adverts = adverts.assign(**draw_prices(rng, adverts))
    adverts = adverts.assign(**draw_lives(rng, plan))
    adverts = adverts.assign(**draw_price_changes(rng, adverts, plan))
    adverts = adverts.assign(**draw_mistakes(rng, adverts, plan))
    return leave_fields_empty(rng, adverts)


def night_rows(adverts: pd.DataFrame, plan: SamplePlan, night: int) -> pd.DataFrame:
    """Lay out the delivery of one night (counted from 0): DELIVERY_COLUMNS, one row per published line.

    A third of the night's adverts appear three times, the copies scattered; the index is the file's unnamed column.
    Raises ValueError when the plan has no such night.
    """
    positions = place_rows(adverts, plan, night)
    return rename_columns(format_rows(adverts.iloc[positions], night, 0), plan, night)


def write_deliveries(folder: Path, plan: SamplePlan = SamplePlan()) -> list[Path]:
    """Write one `YYYY-MM-DD.csv` per night and SYNTHETIC.txt into the folder; return the deliveries in date order.

    The folder is made if need be. Files of the same name are replaced, each at once, and no other file is touched.
    Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_note(folder / SYNTHETIC_NOTE_NAME, plan)
    adverts = make_adverts(plan)
    return [write_night(folder, adverts, plan, night) for night in range(plan.nights)]


def place_night_defects(nights: int) -> NightDefects:
    """Decide which nights of a plan are defective: never the first, and the last only when there are fewer than 5."""
    return NightDefects(
        latin_1=1 if nights >= 2 else None,
        header_only=nights // 2 if nights >= 4 else None,
        renamed=None if nights < 3 else nights - 2 if nights >= 5 else nights - 1,
    )


# --- Drawing ----------------------------------------------------------------------------------------------------------
# Only uniform and normal draws are used: the streams of the other distributions may change between numpy releases.


def draw_codes(rng: np.random.Generator, shares: Sequence[float] | FloatArray, count: int) -> IntArray:
    """Draw `count` positions into `shares`, each as often as its share of their sum says."""
    bounds = np.cumsum(shares)
    return np.searchsorted(bounds / bounds[-1], rng.random(count), side="right").astype(np.int64)


def draw_flags(rng: np.random.Generator, shares: FloatArray | float, count: int) -> BoolArray:
    """Draw `count` flags that are True with the given shares (one for all, or one each)."""
    return np.less(rng.random(count), shares)


def choose_some(rng: np.random.Generator, candidates: IntArray, count: int) -> IntArray:
    """Choose `count` of the candidates (all of them if there are fewer), in random order."""
    return candidates[np.argsort(rng.random(len(candidates)), kind="stable")[:count]]


def mix_latent(common: FloatArray, share: float, own: FloatArray) -> FloatArray:
    """Mix two standard normal variables into a third, of which `common` explains the given share of the variance."""
    return math.sqrt(share) * common + math.sqrt(1.0 - share) * own


def find_quantile(share: float) -> float:
    """Return the value below which the given share of a standard normal variable lies."""
    return NormalDist().inv_cdf(share)


def label_codes(codes: IntArray, labels: Sequence[str]) -> pd.Categorical:
    """Turn positions into their texts, stored once."""
    return pd.Categorical.from_codes(codes.astype(np.int16), categories=pd.Index(list(labels), dtype=object))


def list_model_shares() -> FloatArray:
    """Return each model's share of all adverts: its make's share times its weight within the make."""
    weights = pd.Series([float(model.weight) for model in MODELS])
    makes = pd.Series([model.make for model in MODELS])
    make_shares = makes.map({make.name: make.share for make in MAKES})
    shares: FloatArray = (make_shares * weights / weights.groupby(makes).transform("sum")).to_numpy(dtype=np.float64)
    return shares / float(shares.sum())


def fit_model_years() -> FloatArray:
    """Fit the share of every (model, year) pair: models x years, years only while the model was on sale.

    The rows and columns are scaled in turn until both the models' and the years' shares hold.
    """
    model_shares = list_model_shares()
    year_shares = np.array(list(YEAR_SHARES.values()))
    years = np.array(list(YEAR_SHARES))
    typical, first, last = np.array([(m.typical_year, m.first_year, m.last_year) for m in MODELS]).T[:, :, None]
    table: FloatArray = np.exp(-(((years - typical) / MODEL_SPREAD_YEARS) ** 2) / 2) + 1e-3
    table *= (first <= years) & (years <= last)
    for _ in range(100):
        table *= (model_shares / table.sum(axis=1))[:, None]
        table *= year_shares / year_shares.sum() / table.sum(axis=0)
    return table


def draw_cars(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw make, model and year of `count` cars: one row per car."""
    cells = draw_codes(rng, fit_model_years().ravel(), count)
    model_codes, year_codes = np.divmod(cells, len(YEAR_SHARES))
    make_names = [make.name for make in MAKES]
    make_of_model = np.array([make_names.index(model.make) for model in MODELS])
    return pd.DataFrame(
        {
            "Marque": label_codes(make_of_model[model_codes], make_names),
            "Modèle": label_codes(model_codes, [model.name for model in MODELS]),
            "Année-Modèle": np.array(list(YEAR_SHARES), dtype=np.int16)[year_codes],
            "model_code": model_codes.astype(np.int16),
        }
    )


def take_by_model(adverts: pd.DataFrame, values: Sequence[float]) -> FloatArray:
    """Look up one figure per advert in a list that holds one per model."""
    return np.take(np.array(values, dtype=np.float64), adverts["model_code"].to_numpy(dtype=np.int64))


def take_by_make(adverts: pd.DataFrame, values: Sequence[float]) -> FloatArray:
    """Look up one figure per advert in a list that holds one per make."""
    return take_effects(adverts, "Marque", values)


def compute_age_years(adverts: pd.DataFrame) -> FloatArray:
    """Return each car's age in years at the first night."""
    return FIRST_NIGHT.year - adverts["Année-Modèle"].to_numpy(dtype=np.float64)


def draw_engines(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw fuel, fiscal power (CV), true gearbox and doors, as usual for each advert's model."""
    count = len(adverts)
    power_cv = take_by_model(adverts, [model.power_cv for model in MODELS])
    power_cv += np.array(POWER_OFFSETS_CV)[draw_codes(rng, POWER_OFFSET_SHARES, count)]
    has_three_doors = draw_flags(rng, take_by_model(adverts, [model.three_door_share for model in MODELS]), count)
    is_automatic = draw_flags(rng, take_by_model(adverts, [model.automatic_share for model in MODELS]), count)
    return {
        "Type de carburant": label_codes(draw_fuel_codes(rng, adverts), FUELS),
        "Puissance fiscale": np.clip(power_cv, MIN_POWER_CV, MAX_POWER_CV).astype(np.int8),
        "Nombre de portes": label_codes(has_three_doors.astype(np.int64), DOORS),
        "true_gearbox": is_automatic.astype(np.int8),
    }


def draw_fuel_codes(rng: np.random.Generator, adverts: pd.DataFrame) -> IntArray:
    """Draw positions into FUELS: petrol as usual for the model, hybrid and electric for recent cars of some makes."""
    count = len(adverts)
    codes = draw_flags(rng, take_by_model(adverts, [model.petrol_share for model in MODELS]), count).astype(np.int64)
    is_recent = adverts["Année-Modèle"].to_numpy() >= 2012
    codes[is_recent & draw_flags(rng, take_by_make(adverts, [make.hybrid_share for make in MAKES]), count)] = 2
    codes[is_recent & draw_flags(rng, take_by_make(adverts, [make.electric_share for make in MAKES]), count)] = 3
    return codes


def compute_expected_km(age_years: FloatArray) -> FloatArray:
    """Return the mileage (km) usual at an age: it grows ever slower, as old cars are driven less."""
    return 4_000 + LIFETIME_KM * -np.expm1(-age_years / KM_FLATTENING_YEARS)


def draw_use(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw the true mileage (km) and the range the seller states, which is sometimes far too low."""
    count = len(adverts)
    true_km = compute_expected_km(compute_age_years(adverts)) * np.exp(KM_LOG_SPREAD * rng.standard_normal(count))
    true_km = np.clip(true_km, 0, KM_BOUNDS[-1] - 1)
    stated_km = true_km * draw_stated_parts(rng, count)
    range_codes = np.searchsorted(KM_BOUNDS, stated_km, side="right") - 1
    return {
        "Kilométrage": label_codes(range_codes.astype(np.int64), list_km_ranges()),
        "true_km": true_km.astype(np.int32),
    }


def draw_stated_parts(rng: np.random.Generator, count: int) -> FloatArray:
    """Draw which part of the true mileage each seller states: all of it, less than a third, or the thousands."""
    parts = np.ones(count)
    is_understated = draw_flags(rng, UNDERSTATED_KM_SHARE, count)
    parts[is_understated] = UNDERSTATED_KM_MAX_PART * rng.random(int(is_understated.sum()))
    parts[draw_flags(rng, THOUSANDS_KM_SHARE, count)] = 1 / 1_000
    return parts


def list_km_ranges() -> list[str]:
    """Write the site's mileage ranges, lowest first, as in "5 000 - 9 999"."""
    return [f"{low:,} - {following - 1:,}".replace(",", " ") for low, following in pairwise(KM_BOUNDS)]


def list_places() -> list[tuple[int, str, float]]:
    """List every (city position, sector, share): the generic sectors take a tenth where a city names its own."""
    places = []
    for code, city in enumerate(CITIES):
        generic_share = 0.1 if city.sectors else 1.0
        for sector, part in zip(GENERIC_SECTORS, GENERIC_SECTOR_PARTS, strict=True):
            places.append((code, sector, city.share * generic_share * part))
        for sector in city.sectors:
            places.append((code, sector, city.share * (1.0 - generic_share) / len(city.sectors)))
    return places


def draw_places(rng: np.random.Generator, count: int) -> Columns:
    """Draw city and sector of `count` adverts."""
    city_codes, sectors, shares = zip(*list_places(), strict=True)
    drawn = draw_codes(rng, shares, count)
    sector_names = list(dict.fromkeys(sectors))
    sector_of_place = np.array([sector_names.index(sector) for sector in sectors])
    drawn_cities = np.array(city_codes)[drawn]
    return {
        "Ville": label_codes(drawn_cities, [city.name for city in CITIES]),
        "Secteur": label_codes(sector_of_place[drawn], sector_names),
        "city_code": drawn_cities.astype(np.int16),
    }


def draw_sellers(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw what the seller tells: title, origin, first hand, condition, equipment, and how diligently.

    `diligence` (standard normal) is what makes the equipment columns agree with each other and decides, later on,
    which fields are left empty.
    """
    count = len(adverts)
    newness = (adverts["Année-Modèle"].to_numpy(dtype=np.float64) - MEAN_YEAR) / YEAR_SPREAD_YEARS
    first_hand_shares = 1.0 / (1.0 + np.exp(FIRST_HAND_LOG_ODDS_AGAINST - FIRST_HAND_LOG_ODDS_OF_NEWNESS * newness))
    sellers: Columns = {
        "Origine": label_codes(draw_origin_codes(rng, adverts), [origin.text for origin in ORIGINS]),
        "Première main": label_codes(draw_flags(rng, first_hand_shares, count).astype(np.int64), FIRST_HAND),
        "État": label_codes(draw_condition_codes(rng, newness), [condition.text for condition in CONDITIONS]),
        "title_code": (rng.random(count) * len(TITLE_PATTERNS)).astype(np.int8),
    }
    diligence = mix_latent(newness, NEWNESS_IN_DILIGENCE, rng.standard_normal(count))
    sellers["diligence"] = diligence.astype(np.float32)
    for equipment in EQUIPMENT:
        wish = mix_latent(diligence, DILIGENCE_IN_EQUIPMENT, rng.standard_normal(count))
        sellers[equipment.column] = wish > find_quantile(1.0 - equipment.share)
    return sellers


def draw_origin_codes(rng: np.random.Generator, adverts: pd.DataFrame) -> IntArray:
    """Draw positions into ORIGINS: imported and cleared as usual for the make, else by their shares."""
    codes = draw_codes(rng, [origin.share for origin in ORIGINS], len(adverts))
    codes[draw_flags(rng, take_by_make(adverts, [make.cleared_share for make in MAKES]), len(adverts))] = CLEARED
    return codes


def draw_condition_codes(rng: np.random.Generator, newness: FloatArray) -> IntArray:
    """Draw positions into CONDITIONS, best first: the newer the car, the better."""
    quality = mix_latent(newness, NEWNESS_IN_CONDITION, rng.standard_normal(len(newness)))
    cuts = [find_quantile(share) for share in np.cumsum([condition.share for condition in CONDITIONS])[:-1].tolist()]
    return np.searchsorted(cuts, -quality).astype(np.int64)


def draw_prices(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw the price (MAD) each seller asks first, around what the price model says."""
    count = len(adverts)
    log_price = compute_log_price(adverts)
    spread = np.where(draw_flags(rng, WILD_SHARE, count), WILD_LOG_SPREAD, NOISE_LOG_SPREAD)
    asked_mad = np.clip(np.exp(log_price + spread * rng.standard_normal(count)), MIN_PRICE_MAD, MAX_PRICE_MAD)
    step_mad = np.array(ROUNDING_STEPS_MAD)[draw_codes(rng, ROUNDING_SHARES, count)]
    return {
        "model_price_mad": np.rint(np.exp(log_price)).astype(np.int32),
        "true_price_mad": (np.rint(asked_mad / step_mad) * step_mad).astype(np.int32),
    }


def compute_log_price(adverts: pd.DataFrame) -> FloatArray:
    """Return the log of the price (MAD) the price model gives each advert, without noise."""
    log_price = PRICE_LEVEL + compute_log_value(adverts) + compute_engine_effect(adverts) + compute_use_effect(adverts)
    log_price += take_effects(adverts, "Ville", [city.log_effect for city in CITIES])
    log_price += take_effects(adverts, "Origine", [origin.log_effect for origin in ORIGINS])
    log_price += take_effects(adverts, "État", [condition.log_effect for condition in CONDITIONS])
    log_price += take_effects(adverts, "Première main", (0.0, FIRST_HAND_LOG_EFFECT))
    for equipment in EQUIPMENT:
        log_price += equipment.log_effect * adverts[equipment.column].to_numpy(dtype=np.float64)
    return log_price


def take_effects(adverts: pd.DataFrame, column: str, log_effects: Sequence[float]) -> FloatArray:
    """Look up the log effect of each advert's value of a categorical column."""
    return np.take(np.array(log_effects, dtype=np.float64), adverts[column].cat.codes.to_numpy(dtype=np.int64))


def compute_log_value(adverts: pd.DataFrame) -> FloatArray:
    """Return the log price (MAD) of the model at the car's age, from its typical price at its typical year."""
    age_years = compute_age_years(adverts)
    typical_age_years = FIRST_NIGHT.year - take_by_model(adverts, [model.typical_year for model in MODELS])
    typical_price_mad = 1_000 * take_by_model(adverts, [model.typical_price_kmad for model in MODELS])
    value_left: FloatArray = np.exp(-age_years / FLATTENING_YEARS) - np.exp(-typical_age_years / FLATTENING_YEARS)
    yearly_loss = take_by_make(adverts, [make.yearly_loss for make in MAKES])
    return np.log(typical_price_mad) + FLATTENING_YEARS * yearly_loss * value_left


def compute_engine_effect(adverts: pd.DataFrame) -> FloatArray:
    """Return the log effect of fuel, gearbox and of the power above what is usual for the model."""
    usual_cv = take_by_model(adverts, [model.power_cv for model in MODELS])
    excess_cv = adverts["Puissance fiscale"].to_numpy(dtype=np.float64) - usual_cv
    gearbox_effect = AUTOMATIC_LOG_EFFECT * adverts["true_gearbox"].to_numpy(dtype=np.float64)
    fuel_effect = take_effects(adverts, "Type de carburant", FUEL_LOG_EFFECTS)
    return POWER_LOG_EFFECT_PER_CV * excess_cv + gearbox_effect + fuel_effect


def compute_use_effect(adverts: pd.DataFrame) -> FloatArray:
    """Return the log effect of having been driven more or less than usual at the car's age."""
    use = adverts["true_km"].to_numpy(dtype=np.float64) / compute_expected_km(compute_age_years(adverts))
    return USE_LOG_EFFECT * np.clip(use - 1.0, -1.0, 1.5)


# --- Lives, price changes, mistakes -----------------------------------------------------------------------------------


def draw_lives(rng: np.random.Generator, plan: SamplePlan) -> Columns:
    """Draw when each advert appears and for how many nights: half on the first night, the rest spread evenly.

    No advert appears or ends on the header-only night, so that each one is seen and a life's last night is visible.
    """
    first_night = spread_arrivals(plan)
    staying = np.log1p(-rng.random(plan.rows)) / math.log1p(-LEAVING_SHARE_PER_NIGHT)
    last_night = first_night + np.floor(staying).astype(np.int64)
    header_only = place_night_defects(plan.nights).header_only
    if header_only is not None:
        last_night[last_night == header_only] -= 1
    return {
        "advert_id": FIRST_ADVERT_ID + np.arange(plan.rows, dtype=np.int32),
        "first_night": first_night.astype(np.int16),
        "last_night": last_night.astype(np.int16),
        "lifetime_nights": (last_night - first_night + 1).astype(np.int16),
    }


def spread_arrivals(plan: SamplePlan) -> IntArray:
    """Return each advert's first night, in order of arrival."""
    header_only = place_night_defects(plan.nights).header_only
    later_nights = np.array([night for night in range(1, plan.nights) if night != header_only], dtype=np.int64)
    first_count = (plan.rows + 1) // 2 if len(later_nights) else plan.rows
    later_count = plan.rows - first_count
    later = later_nights[np.arange(later_count, dtype=np.int64) * len(later_nights) // max(later_count, 1)]
    return np.concatenate([np.zeros(first_count, dtype=np.int64), later])


def draw_price_changes(rng: np.random.Generator, adverts: pd.DataFrame, plan: SamplePlan) -> Columns:
    """Draw which adverts change their price during the nights they are seen, when, and to what (MAD)."""
    first_night = adverts["first_night"].to_numpy(dtype=np.int64)
    last_seen_night = find_last_seen_night(adverts, plan)
    candidates = np.flatnonzero(last_seen_night > first_night)
    chosen = choose_some(rng, candidates, round(CHANGED_PRICE_SHARE * plan.rows))
    wait_nights = np.floor(rng.random(len(chosen)) * (last_seen_night - first_night)[chosen]).astype(np.int64) + 1
    change_night = np.full(plan.rows, plan.nights, dtype=np.int16)
    change_night[chosen] = first_night[chosen] + wait_nights
    changed_price_mad = adverts["true_price_mad"].to_numpy(copy=True)
    changed_price_mad[chosen] = change_prices(rng, changed_price_mad[chosen])
    return {"change_night": change_night, "changed_price_mad": changed_price_mad}


def find_last_seen_night(adverts: pd.DataFrame, plan: SamplePlan) -> IntArray:
    """Return the last night of the plan whose delivery shows each advert."""
    last_night: IntArray = adverts["last_night"].to_numpy(dtype=np.int64)
    return np.minimum(last_night, plan.nights - 1)


def change_prices(rng: np.random.Generator, price_mad: npt.NDArray[np.int32]) -> IntArray:
    """Return new prices (MAD), nearly all lower, each different from the old one after rounding."""
    size = TYPICAL_CHANGE * np.exp(CHANGE_LOG_SPREAD * rng.standard_normal(len(price_mad)))
    direction = np.where(draw_flags(rng, CUT_SHARE, len(price_mad)), -1.0, 1.0)
    changed_mad = price_mad * (1.0 + direction * np.clip(size, MIN_CHANGE, MAX_CHANGE))
    step_mad = np.where(price_mad >= 50_000, 1_000, 500)
    return (np.rint(changed_mad / step_mad) * step_mad).astype(np.int64)


def draw_mistakes(rng: np.random.Generator, adverts: pd.DataFrame, plan: SamplePlan) -> Columns:
    """Draw which adverts carry which typing mistake, and which have spaces around make and model."""
    price_mad = adverts["true_price_mad"].to_numpy()
    is_usual = (price_mad >= MIN_DEFECTIVE_PRICE_MAD) & (price_mad <= MAX_DEFECTIVE_PRICE_MAD)
    never_changes = adverts["change_night"].to_numpy() == plan.nights
    chosen = choose_some(rng, np.flatnonzero(is_usual & never_changes), min(len(DEFECTS) - 1, plan.rows // 10))
    defect = np.zeros(plan.rows, dtype=np.int8)
    defect[chosen] = np.arange(1, len(chosen) + 1)
    padded = np.zeros(plan.rows, dtype=np.bool_)
    padded[choose_some(rng, np.arange(plan.rows), round(PADDED_NAMES_SHARE * plan.rows))] = True
    return {"defect": defect, "names_padded": padded}


def leave_fields_empty(rng: np.random.Generator, adverts: pd.DataFrame) -> pd.DataFrame:
    """Empty the fields that careless sellers skip, and publish the gearbox, "--" where it is not stated."""
    diligence = adverts["diligence"].to_numpy(dtype=np.float64)
    empty = {column: find_skipped(rng, diligence, share) for column, share in MISSING_SHARES.items()}
    unstated = find_skipped(rng, diligence, UNSTATED_GEARBOX_SHARE)
    gearbox_codes = np.where(unstated, GEARBOXES.index("--"), adverts["true_gearbox"].to_numpy())
    filled = {column: adverts[column].mask(is_empty) for column, is_empty in empty.items()}
    filled["Boite de vitesses"] = pd.Series(label_codes(gearbox_codes, GEARBOXES), index=adverts.index)
    return adverts.assign(**filled).drop(columns="diligence")


def find_skipped(rng: np.random.Generator, diligence: FloatArray, share: float) -> BoolArray:
    """Flag the given share of the adverts, above all those of careless sellers."""
    return mix_latent(diligence, DILIGENCE_IN_FILLED_FIELDS, rng.standard_normal(len(diligence))) < find_quantile(share)


# --- One night --------------------------------------------------------------------------------------------------------


def place_rows(adverts: pd.DataFrame, plan: SamplePlan, night: int) -> IntArray:
    """Return, line by line, the position of the advert that the night's file shows there."""
    if not 0 <= night < plan.nights:
        raise ValueError(f"night must be between 0 and {plan.nights - 1}, not {night}")
    if night == place_night_defects(plan.nights).header_only:
        return np.zeros(0, dtype=np.int64)
    is_alive = (adverts["first_night"] <= night) & (adverts["last_night"] >= night)
    # Each night has its own stream, so that a night can be made without making the others.
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(plan.seed, spawn_key=(night,))))
    return scatter_copies(rng, np.flatnonzero(is_alive.to_numpy()))


def scatter_copies(rng: np.random.Generator, positions: IntArray) -> IntArray:
    """Repeat a third of the positions twice more, and shuffle them all."""
    tripled = choose_some(rng, positions, round(TRIPLED_SHARE * len(positions)))
    lines = np.concatenate([positions, tripled, tripled])
    return choose_some(rng, lines, len(lines))


def format_rows(shown: pd.DataFrame, night: int, first_line: int) -> pd.DataFrame:
    """Lay out adverts as lines of a delivery, with their mistakes: DELIVERY_COLUMNS, numbered from `first_line`."""
    published: Columns = dict.fromkeys(UNUSED_EQUIPMENT, False)
    published |= {
        "Lien": build_links(shown),
        "Marque": pad_names(shown["Marque"], shown["names_padded"]),
        "Modèle": pad_names(shown["Modèle"], shown["names_padded"]),
        "Année-Modèle": shown["Année-Modèle"].mask(shown["defect"] == DEFECTS.index("future year"), FUTURE_YEAR),
        "Prix": publish_prices(shown, night),
    }
    rows = shown.assign(**published)[list(DELIVERY_COLUMNS)]
    rows.index = pd.RangeIndex(first_line, first_line + len(rows))
    return rows


def build_links(shown: pd.DataFrame) -> list[str]:
    """Build each advert's URL on the reserved host www.avito.example: the same on every night."""
    cities = [f"https://www.avito.example/fr/{write_slug(city.name)}/voitures" for city in CITIES]
    titles = list_titles()
    parts = zip(shown["city_code"], shown["model_code"], shown["title_code"], shown["advert_id"], strict=True)
    return [f"{cities[city]}/{titles[model][title]}_{number}.htm" for city, model, title, number in parts]


def pad_names(names: pd.Series, is_padded: pd.Series) -> pd.Categorical:
    """Put spaces around the flagged names."""
    labels = list(names.cat.categories)
    codes = names.cat.codes.to_numpy(dtype=np.int64) + len(labels) * is_padded.to_numpy(dtype=np.int64)
    return label_codes(codes, [*labels, *(f" {label}  " for label in labels)])


def publish_prices(shown: pd.DataFrame, night: int) -> npt.NDArray[np.object_]:
    """Return the prices as typed: the first or the changed price (MAD), or the advert's mistake."""
    has_changed = shown["change_night"] <= night
    price_mad = shown["true_price_mad"].mask(has_changed, shown["changed_price_mad"])
    prices = price_mad.to_numpy(dtype=object)
    for position in np.flatnonzero(shown["defect"].to_numpy()):
        prices[position] = mistype_price(prices[position], DEFECTS[shown["defect"].iloc[position]])
    return prices


def mistype_price(price_mad: int, defect: str) -> int | str:
    """Return what a seller who makes the mistake publishes instead of the price (MAD)."""
    mistyped: dict[str, int | str] = {
        "huge price": HUGE_PRICE_MAD,
        "zero price": 0,
        "empty price": "",
        "price ten times too low": price_mad // 10,
        "text price": TEXT_PRICE,
    }
    return mistyped.get(defect, price_mad)


def list_titles() -> list[list[str]]:
    """List the title slugs of every model, one per pattern."""
    names = [(model.make, model.name) for model in MODELS]
    return [[write_slug(title.format(make=make, model=model)) for title in TITLE_PATTERNS] for make, model in names]


def write_slug(text: str) -> str:
    """Write a text as a part of a URL path: lower case, underscores for spaces, accents percent-encoded."""
    return quote(text.lower().replace(" ", "_"))


# --- Writing ----------------------------------------------------------------------------------------------------------


def write_note(path: Path, plan: SamplePlan) -> None:
    """Write the line that says the deliveries are synthetic."""
    options = f"rows={plan.rows} nights={plan.nights} seed={plan.seed}"
    with replace_file(path, "utf-8") as file:
        file.write(f"Synthetic car adverts, none of them real, made by `python -m pipeline sample` with {options}.\n")


def write_night(folder: Path, adverts: pd.DataFrame, plan: SamplePlan, night: int) -> Path:
    """Write one night's delivery and return its path."""
    path = folder / f"{FIRST_NIGHT + timedelta(days=night)}.csv"
    is_latin_1 = night == place_night_defects(plan.nights).latin_1
    positions = place_rows(adverts, plan, night)
    with replace_file(path, "latin-1" if is_latin_1 else "utf-8") as file:
        for start in range(0, max(len(positions), 1), ROWS_PER_CHUNK):
            rows = format_rows(adverts.iloc[positions[start : start + ROWS_PER_CHUNK]], night, start)
            rows = rename_columns(rows, plan, night)
            rows.to_csv(file, header=start == 0, lineterminator="\r\n" if is_latin_1 else "\n")
    return path


def rename_columns(rows: pd.DataFrame, plan: SamplePlan, night: int) -> pd.DataFrame:
    """Drop the accent of Kilométrage on the night that misspells it."""
    is_renamed = night == place_night_defects(plan.nights).renamed
    return rows.rename(columns={"Kilométrage": "Kilometrage"}) if is_renamed else rows


@contextmanager
def replace_file(path: Path, encoding: str) -> Iterator[TextIO]:
    """Open a hidden temporary file next to the path; it takes the path's place only if the block succeeds."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding=encoding, newline="") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
