"""How fast the dashboard is, and how much it keeps in memory: first page, reruns, and several people at once."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser

from benchmarks.machine import describe
from tests.dashboard.browsing import CHROMIUM, WHY_NOT, Screen, browser, look, serve

VIEWS = ("", "deals", "batch", "market", "tonight", "runs", "lineage", "model", "quality")
PEOPLE = 8
