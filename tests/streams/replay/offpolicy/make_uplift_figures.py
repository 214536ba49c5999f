"""What scikit-uplift says of Hillstrom's experiment: prints the figures that test_hillstrom.py holds.

python3.11 -m venv old && . old/bin/activate
pip install numpy==1.23.5 pandas==1.5.3 scikit-learn==1.2.2 scikit-uplift==0.5.1
python tests/streams/replay/offpolicy/make_uplift_figures.py ../shared/data/hillstrom/hillstrom.csv.gz
"""

import csv
import gzip
import sys

import numpy as np


def main(path: str) -> None:
    """The area between the Qini curve and its straight line, per head, when customers are ranked by what they spent."""
    from sklift.metrics import qini_curve  # noqa: PLC0415  not in our environment

    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    for mail in ("Mens E-Mail", "Womens E-Mail"):
        here = [row for row in rows if row["segment"] in (mail, "No E-Mail")]
        visit = np.array([int(row["visit"]) for row in here])
        given = np.array([int(row["segment"] == mail) for row in here])
        people, gain = qini_curve(visit, np.array([float(row["history"]) for row in here]), given)
        share, gain = people / len(here), gain / given.sum()
        print(mail, repr(np.trapz(gain - share * gain[-1], share)), repr(gain[-1]))


if __name__ == "__main__":
    main(sys.argv[1])
