"""Tests of follow_page.py on pages of a few lines."""
import tempfile
import unittest
from pathlib import Path

from follow_page import PageError, follow

PAGE = """Text.
`new/b.txt`, new:

```txt
b
```
`a.txt`, one line:
```diff
 one
+one and a half
```
```bash
not a file
```
"""


class FollowPageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "a.txt").write_text("zero\none\ntwo\n")

    def follow(self, text):
        (self.root / "page.md").write_text(text)
        return follow(self.root / "page.md", self.root, self.root / "out")

    def test_writes_new_files_and_patched_copies(self):
        self.assertEqual(self.follow(PAGE), ["new/b.txt", "a.txt"])
        self.assertEqual((self.root / "out/new/b.txt").read_text(), "b\n")
        self.assertEqual((self.root / "out/a.txt").read_text(), "zero\none\none and a half\ntwo\n")
        self.assertEqual((self.root / "a.txt").read_text(), "zero\none\ntwo\n")

    def test_runs_scripts(self):
        self.follow("`scripts/s.py`:\n```python\nopen(__file__ + '.ran', 'w')\n```\n")
        self.assertTrue((self.root / "out/scripts/s.py.ran").exists())

    def test_a_stale_page_is_an_error(self):
        for block in ("```diff\n three\n+four\n```", "```diff\n+nowhere\n```", "```txt\nnew\n```"):
            with self.assertRaises(PageError):
                self.follow(f"`a.txt`, changed:\n{block}\n")
        with self.assertRaises(PageError):
            self.follow("no blocks\n")


if __name__ == "__main__":
    unittest.main()
