#!/usr/bin/env python3
"""Writes what tests/metrics compares Weft's metrics with: scikit-learn's, seqeval's and rouge_score's values.

    python scripts/make_metrics_fixtures.py

Needs numpy, scikit-learn, seqeval, rouge-score. Everything is seeded; the versions go into the file.
"""
import importlib.metadata
import json
import pathlib
import warnings

import numpy
from rouge_score import rouge_scorer
from seqeval import metrics as seqeval
from sklearn import metrics

FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "metrics" / "golden.json"
VERSIONS = {name: importlib.metadata.version(name) for name in ("numpy", "scikit-learn", "seqeval", "rouge-score")}


def confusions():
    matrices = {"binary": [[50, 7], [3, 40]], "three": [[5, 2, 0], [1, 9, 3], [4, 0, 6]],
                "one class predicted": [[4, 0], [6, 0]], "a class that is absent": [[3, 1, 0], [2, 8, 0], [0, 0, 0]]}
    out = []
    for name, counts in matrices.items():
        labels = [l for l, row in enumerate(counts) for n in row for _ in range(n)]
        predictions = [p for row in counts for p, n in enumerate(row) for _ in range(n)]
        out.append({"name": name, "counts": counts, "accuracy": float(metrics.accuracy_score(labels, predictions)),
                    "macro_f1": float(metrics.f1_score(labels, predictions, average="macro", labels=range(len(counts)),
                                                       zero_division=0)),
                    "mcc": float(metrics.matthews_corrcoef(labels, predictions))})
    return out


def multi_label(random):
    labels = random.random((30, 5)) < [0.5, 0.3, 0.1, 0.7, 0.0]
    predictions = labels ^ (random.random((30, 5)) < 0.1)
    f1 = {f"{kind}_f1": float(metrics.f1_score(labels, predictions, average=kind, zero_division=0))
          for kind in ("micro", "macro")}
    return {"labels": labels.tolist(), "predictions": predictions.tolist(),
            "subset_accuracy": float(metrics.accuracy_score(labels, predictions))} | f1


def regression(random):
    targets = random.uniform(0, 5, 40)
    predictions = 0.7 * targets + random.normal(0.5, 0.8, 40)
    return {"targets": targets.tolist(), "predictions": predictions.tolist(),
            "mse": float(metrics.mean_squared_error(targets, predictions)),
            "mae": float(metrics.mean_absolute_error(targets, predictions)),
            "pearson": float(numpy.corrcoef(targets, predictions)[0, 1])}


def aurocs(random):
    out = []
    for name, scale, digits in (("sure", 6, 17), ("unsure", 0.05, 17), ("ties", 2, 0), ("one score", 0, 17)):
        labels = random.random(300) < 0.3
        scores = numpy.round(scale * (random.normal(0, 1, 300) + labels), digits)
        out.append({"name": name, "labels": labels.astype(int).tolist(), "scores": [[s] for s in scores.tolist()],
                    "auroc": float(metrics.roc_auc_score(labels, scores))})
    labels = random.integers(0, 3, 200)
    logits = random.normal(0, 1.5, (200, 3)) + 2 * numpy.eye(3)[labels]
    parts = numpy.exp(logits) / numpy.exp(logits).sum(-1, keepdims=True)
    out.append({"name": "three classes", "labels": labels.tolist(), "scores": numpy.log(parts / (1 - parts)).tolist(),
                "auroc": float(metrics.roc_auc_score(labels, parts, multi_class="ovr", average="macro"))})
    return out


def token_labels(random):
    names = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    tags = [[names[i] for i in random.integers(0, 6, length)] for length in random.integers(1, 12, 40)]
    predicted = [[tag if random.random() < 0.7 else names[random.integers(6)] for tag in text] for text in tags]
    return {"tags": tags, "predicted": predicted, "token_accuracy": float(seqeval.accuracy_score(tags, predicted)),
            "entity_precision": float(seqeval.precision_score(tags, predicted)),
            "entity_recall": float(seqeval.recall_score(tags, predicted)),
            "entity_f1": float(seqeval.f1_score(tags, predicted))}


def rouge():
    pairs = [("the cat sat on the mat", "the cat was on the mat"), ("a b c d", "d c b a"), ("", "x"), ("x", ""),
             ("", ""), ("Käse, 20% fat!", "kase 20 fat"), ("One two-three_four", "one two three four"),
             ("police killed the gunman", "the gunman police killed")]
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    return [{"expected": a, "written": b, "rouge_l": float(scorer.score(a, b)["rougeL"].fmeasure)} for a, b in pairs]


def main():
    warnings.simplefilter("ignore")  # of scores that are not defined, which is what some cases are for
    random = numpy.random.default_rng(11)
    golden = {"versions": VERSIONS, "confusions": confusions(), "multi_label": multi_label(random),
              "regression": regression(random), "aurocs": aurocs(random), "token_labels": token_labels(random),
              "rouge": rouge()}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(golden) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
