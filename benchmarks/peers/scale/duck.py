"""The same in DuckDB, with a limit on its memory: read a delivery, clean it, keep the last state of each advert, split, write."""

from __future__ import annotations

import sys

import duckdb

CLEANED = """
    CREATE TEMP VIEW rows AS
    SELECT * EXCLUDE (column00, Prix, "Année-Modèle", "Kilométrage", Lien, Marque, "Modèle", Ville),
        try_cast(Prix AS DOUBLE) AS price, try_cast("Année-Modèle" AS DOUBLE) AS year,
        (try_cast(replace(split_part("Kilométrage", ' - ', 1), ' ', '') AS DOUBLE)
            + try_cast(replace(split_part("Kilométrage", ' - ', 2), ' ', '') AS DOUBLE)) / 2 AS mileage_km,
        regexp_extract(Lien, '_(\\d+)\\.htm$', 1) AS advert_id, trim(Marque) AS make, trim("Modèle") AS model, trim(Ville) AS city,
        column00::BIGINT AS row
    FROM read_csv($file, all_varchar = true, header = true)
"""
GOOD = "price BETWEEN 1000 AND 10000000 AND year BETWEEN 1950 AND 2030 AND make IS NOT NULL AND model IS NOT NULL"
SHARE = "hash(advert_id) / 18446744073709551616.0"


def main() -> None:
    """Do it for the file that the command line names."""
    connection = duckdb.connect(config={"memory_limit": "2GB", "threads": 2, "temp_directory": "spilled"})
    connection.execute(CLEANED.replace("$file", "'" + sys.argv[1].replace("'", "''") + "'"))
    connection.execute(f"COPY (SELECT * FROM rows WHERE NOT coalesce({GOOD}, false)) TO 'rejected.parquet'")
    connection.execute(
        "CREATE TABLE listings AS SELECT * FROM rows WHERE "
        f"{GOOD} QUALIFY row_number() OVER (PARTITION BY advert_id ORDER BY row DESC) = 1"
    )
    connection.execute(f"COPY (SELECT * FROM listings WHERE {SHARE} >= 0.2) TO 'train.parquet'")
    connection.execute(f"COPY (SELECT * FROM listings WHERE {SHARE} < 0.2) TO 'test.parquet'")


if __name__ == "__main__":
    main()
