"""What a model leaves unexplained."""

import torch
from matplotlib.figure import Figure

from descentlab.reports.figures.style import TRAIN, TRUTH, VAL, legend_below
from descentlab.reports.subject import CannotDraw, Subject


def residuals_figure(subject: Subject) -> Figure:
    """Target minus prediction, against the feature (against the prediction where there are several) and
    as a histogram; where the noise is known, a band of twice its standard deviation.

    Raises:
        CannotDraw: the predictions are not finite.
    """
    figure = Figure(figsize=(8.4, 4.2))
    scatter, histogram = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    truth = subject.data.truth
    if truth is not None and truth.noise_std > 0:
        scatter.axhspan(-2 * truth.noise_std, 2 * truth.noise_std, color=TRUTH, alpha=0.15, label="±2 noise std")
    stages = [stage for stage in ("val", "train") if stage in subject.data.stages()]
    residuals, colours = [], []
    for stage in stages:
        x, y = subject.points(stage)
        with torch.no_grad():
            prediction = subject.module.predict(x)
        residual = (y - prediction)[:, 0]
        if not torch.isfinite(residual).all():
            raise CannotDraw("the predictions are not finite")
        across = x[:, 0] if subject.num_features == 1 else prediction[:, 0]
        colour, name = (TRAIN, "training points") if stage == "train" else (VAL, "validation points")
        scatter.scatter(
            across, residual, s=14 if len(x) > 30 else 36, color=colour, alpha=0.7, linewidths=0, label=name
        )
        residuals.append(residual.double().numpy())
        colours.append(colour)
    histogram.hist(residuals, bins=20, orientation="horizontal", color=colours)
    for axes in (scatter, histogram):
        axes.axhline(0, color=TRUTH, linestyle="--", linewidth=1.5)
    scatter.set_xlabel(subject.feature_names[0] if subject.num_features == 1 else "prediction")
    scatter.set_ylabel(f"residual of {subject.target_name}")
    histogram.set_xlabel("points")
    legend_below(figure, scatter)
    return figure
