"""Figures of the sample market: what its adverts can say, how often, and what each detail does to a price.

Marginal shares follow a profile of the real site; prices, effects and mistakes are invented to match its quartiles.
"""

from typing import NamedTuple

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
