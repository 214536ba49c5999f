"""Logistic regression as published for the carts: standardised columns, the median for what is not known."""

import numpy as np
import numpy.typing as npt
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def logistic_regression(
    rows: npt.NDArray[np.float64], bought: npt.NDArray[np.bool_], asked: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The probability for each row of `asked`, from a regression that learned from `rows`."""
    # A column that was never known (seconds between events at k = 0 for all) stays, as zero.
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    line = make_pipeline(imputer, StandardScaler(), LogisticRegression(max_iter=1000))
    answer: npt.NDArray[np.float64] = line.fit(rows, bought).predict_proba(asked)[:, 1]
    return answer
