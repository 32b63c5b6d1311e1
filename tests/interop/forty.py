# The forty messages of test_forty.py as data, and the form in which every reader reports what it read.
#
# A message is a dict that JSON can hold:
#   name                  what the message is there for
#   from, to, cc          lists of [display name, address]
#   subject, text, html   strings; text and html may be missing
#   images                files that the HTML shows as cid:NAME
#   attachments           files; a file is {name, type, base64}; of message/rfc822 the bytes are a message in ASCII
#   calendar              [METHOD, iCalendar text]
#   in_reply_to, references, priority, unsubscribe, headers (names begin with X-Forty-)
#   flowed                ours is to write the text as format=flowed
#   built                 ours is to build the tree of the bodies by hand
#
# A reading has the same keys, each of them always, with `sha256` in place of `base64`. `settle` makes readings comparable.
import base64
import hashlib
import random

ANN = ["Ann Author", "ann@a.example"]
BOB = ["Bob Reader", "bob@b.example"]
DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")

SCRIPTS = """\
中文：今天天氣很好，我們去郵局寄信。
日本語：吾輩は猫である。名前はまだ無い。
한국어: 모든 인간은 태어날 때부터 자유롭다.
العربية: يولد جميع الناس أحرارا متساوين.
עברית: כל בני האדם נולדו בני חורין
हिन्दी: सभी मनुष्य जन्म से स्वतन्त्र हैं।
ไทย: มนุษย์ทั้งหลายเกิดมามีอิสระ
Ελληνικά: όλοι οι άνθρωποι γεννιούνται ελεύθεροι
Русский: все люди рождаются свободными
Tiếng Việt: tất cả mọi người sinh ra đều được tự do
ქართული: ყველა ადამიანი იბადება თავისუფალი
𐍈𐌰𐌹𐌽𐍃 and 𠜎𠜱𠝹 are beyond the first plane
"""
FAMILY = "👨‍👩‍👧‍👦"
MARKS = "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘ e\u0301 \u00e9"

CALENDAR = """\
BEGIN:VCALENDAR
PRODID:-//forty//EN
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:forty@a.example
DTSTAMP:20240102T030405Z
DTSTART:20240203T100000Z
DTEND:20240203T110000Z
ORGANIZER;CN=Ann:mailto:ann@a.example
ATTENDEE;CN=Böb;RSVP=TRUE:mailto:bob@b.example
SUMMARY:Besprechung über Grüße
END:VEVENT
END:VCALENDAR
"""

FORWARDED = """\
From: Carol <carol@c.example>
To: ann@a.example
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Date: Tue, 02 Jan 2024 03:04:05 +0000
Message-ID: <inner@c.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe, the inner text
.
"""

NESTED = """\
From: Dave <dave@d.example>
To: carol@c.example
Subject: a mail with two parts
Date: Tue, 02 Jan 2024 03:04:05 +0000
Message-ID: <nested@d.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="inner boundary"

This is a preamble.
--inner boundary
Content-Type: text/plain; charset=us-ascii

the text of the nested mail
--inner boundary
Content-Type: message/rfc822
Content-Disposition: attachment; filename="deeper.eml"

""" + FORWARDED + """
--inner boundary
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a.bin"

AAECAwQ=
--inner boundary--
"""


def file(name, octets, kind="application/octet-stream"):
    return {"name": name, "type": kind, "base64": base64.b64encode(octets).decode()}


def mail(name, text=None, subject=None, **rest):
    """A message with the usual people, unless others are named."""
    made = {"name": name, "from": [ANN], "to": [BOB], "cc": [], "subject": name if subject is None else subject}
    if text is not None:
        made["text"] = text
    return {**made, **rest}


def texts():
    long_words = " ".join(f"word{i}" for i in range(300))
    return [
        mail("plain ASCII", "Hello Bob,\n\nthis is all.\n-- {'x' * 80}\n\n-- \nAnn\n"),
        mail("empty text, specials in the subject", "", "two  blanks, \"quotes\" <angle> (paren) a=b ?x? _under_ =3D \\back"),
        mail("only line ends", "\n\n\n\n"),
        mail("no line end at the end", "the first line\nthe last line"),
        mail("lines that look like more", "From here on\n.\n..\n. dot\n--\n--=_mixed\n-- \n>From\nFrom: a field?\nBcc: nobody\n\n.\n"),
        mail("blanks and tabs at line ends", "blank \ntwo  \ntab\t\n \n\t\n \t mixed \t \n  leads\n\ttab leads\nends blank "),
        mail("a line of 2000 octets", "x" * 2000 + "\n" + "=" * 500 + "\n" + long_words + "\nshort\n"),
        mail("a long line without blanks", "長" * 2000 + "\nshort\n", "長" * 120),
        mail("many scripts", SCRIPTS, SCRIPTS.split("\n")[0]),
        mail("emoji and marks", f"{FAMILY} 🏳️‍🌈 🇹🇼 👍🏽 {MARKS}\n" * 5, f"{FAMILY} 🏳️‍🌈 🇹🇼 {MARKS}"),
        mail("rare characters in text", "form\x0cfeed, vertical\x0btab, line\u2028and\u2029paragraph\u0085next, no\u00a0break, zero\u200bwidth, \u202eback\n"),
    ]


def subjects_and_names():
    flowing = (f"{'many words ' * 30}end\n> not a quote {'of words ' * 12}end\n from a blank\nFrom here\n"
               f"{'長' * 90} {'字 ' * 80}。\n-- {'x' * 80}\n\n-- \nAnn\n")
    return [
        mail("long subject with blanks, text of paragraphs", flowing, flowed=True, subject=" ".join(f"word number {i}" for i in range(40))),
        mail("long subject without blanks", "text\n", "x" * 260),
        mail("long subject of emoji", "text\n", FAMILY * 40 + "🎉" * 60),
        mail("long mixed subject", "text\n", "Re: [list] " + " ".join(["Grüße", "from", "the", "Straße,", "naïve", "façade"] * 8)),
        mail("a subject like an encoded-word", "text\n", "=?utf-8?Q?not_a_word?= stays"),
        mail("names with specials", "text\n", to=[["Reader, Bob", "bob@b.example"], ["Bob \"the\" Reader", "bob2@b.example"], ["back\\slash", "bob3@b.example"],
                                                  ["bob@home", "bob4@b.example"], ["Dr. Bob (home); <x>", "bob5@b.example"]]),
        mail("names beyond ASCII", "text\n", **{"from": [["Jürgen Größe", "j@a.example"]]},
             to=[["陳大文", "chen@b.example"], ["محمد علي", "m@b.example"], ["Zoë 🎉", "zoe@b.example"]]),
        mail("names beyond ASCII with specials", "text\n", to=[["Müller, Jörg", "jm@b.example"], ["Jörg \"Jo\" Müller", "jo@b.example"], ["大文 <陳>; 先生", "chen@b.example"]]),
        mail("long names", "text\n", to=[["The Honourable " + "Very " * 20 + "Long Name", "long@b.example"], ["長" * 70, "chang@b.example"]]),
        mail("a hundred recipients", "text\n", to=[[f"Reader {i}, №{i}" if i % 3 == 0 else f"Reader {i}" if i % 3 == 1 else "", f"reader{i}@b.example"] for i in range(70)],
             cc=[["", f"copy{i}@c.example"] for i in range(30)]),
        mail("unusual addresses", "text\n", to=[["", "a.very.long.local.part.with+tag=and_more.characters-to.see.whole@b.example"], ["Q", "o'neil+x/y@b.example"], ["", "a@xn--bcher-kva.example"]]),
    ]


def structures():
    dot, second = file("dot.png", DOT, "image/png"), file("點.png", DOT + b"\0", "image/png")
    notes = [file("notes.txt", b"line one\r\nline two\n", "text/plain"), file("data.json", b'{"a": 1}', "application/json")]
    shows = "<p>Grüße <img src=\"cid:dot.png\" alt=\"dot\"></p>\n"
    return [
        mail("HTML only", html="<!DOCTYPE html>\n<html><body>\n<p>Hello &amp; Grüße</p>\n.\n</body></html>\n"),
        mail("text and HTML", "Hello\n", html="<p>Hello</p>\n" + "<!-- " + "y" * 1200 + " -->\n"),
        mail("HTML with an image", html=shows, images=[dot]),
        mail("text and HTML with images", "Grüße\n", html=shows + "<img src='cid:點.png'>\n", images=[dot, second]),
        mail("text, HTML, image, attachments", "text\n", html=shows, images=[dot], attachments=notes),
        mail("a tree built by hand", "text\n", html=shows, images=[dot], attachments=notes, built=True),
    ]


def attachments():
    every = bytes(range(256))
    return [
        mail("attachment names beyond ASCII", "text\n", attachments=[file("報告書 2024.pdf", b"%PDF", "application/pdf"), file("Grüße.txt", b"x", "text/plain"),
                                                                    file(f"{FAMILY}.bin", b"y")]),
        mail("attachment names with specials", "text\n", attachments=[file(name, name.encode(), "application/octet-stream") for name in (
            "a \"quoted\" name.bin", "semi;colon=x.bin", "100%25 %41.bin", "it's (a) comment.bin", "a*b'c.bin", "a,b.bin")]),
        mail("long attachment names", "text\n", attachments=[file("n" * 196 + ".bin", b"1"), file("長い名前" * 49 + ".bin", b"2"), file("many words " * 18 + "x.bin", b"3")]),
        mail("attachment names with slashes", "text\n", attachments=[file(name, name.encode()) for name in ("a/b.bin", "../up.bin", "C:\\x\\y.bin", ".hidden")]),
        mail("attachment sizes", "text\n", attachments=[file(f"{size}.bin", b"z" * size) for size in (0, 1, 2, 57, 58, 76, 998)]),
        mail("an attachment of 1 MB and nothing else", attachments=[file("big.bin", random.Random(40).randbytes(1 << 20))]),
        mail("every octet", "text\n", attachments=[file("every.bin", every + every[::-1] + b"\r\n\r\r\n\n--=_\r\n.\r\n")]),
        mail("texts attached", "text\n", attachments=[file("a.csv", b"a;b\n1;2\r\n\xfc;3", "text/csv"), file("b.html", b"<p>attached</p>\n", "text/html"),
                                                     file("c.txt", b"From me\n.\n" + b"w" * 1500, "text/plain")]),
        mail("an invitation", "Come\n", html="<p>Come</p>\n", calendar=["REQUEST", CALENDAR]),
        mail("mails attached", "see below\n", attachments=[file("forwarded.eml", FORWARDED.encode(), "message/rfc822"), file("nested.eml", NESTED.encode(), "message/rfc822")]),
    ]


def fields():
    ids = [f"<{i}.{'id' * 12}.{i * i}@mail{i}.a.example>" for i in range(60)]
    headers = {"X-Forty-Plain": "a value", "X-Forty-Words": "Grüße aus 台北 🎉", "X-Forty-Long": " ".join(f"word{i}" for i in range(60)),
               "X-Forty-Token": "t" * 200, "X-Forty-Url": "https://l.example/" + "p" * 52, "X-Forty-Specials": "a; b=\"c\", <d> (e)"}
    return [
        mail("an answer in a long thread", "text\n", in_reply_to=ids[-1], references=ids),
        mail("priority, list and other fields", "text\n", priority="high", unsubscribe=["https://l.example/u?id=1&x=" + "u" * 120, "mailto:leave@l.example?subject=leave"],
             headers=headers),
    ]


def messages():
    return texts() + subjects_and_names() + structures() + attachments() + fields()


# ---- readings --------------------------------------------------------------------------------------------------------

def settle_text(text):
    """LF line ends; one at the end is there or not."""
    text = (text or "").replace("\r\n", "\n")
    return text[:-1] if text.endswith("\n") else text


def settle_file(got):
    out = {"name": got["name"], "type": got["type"]}
    if out["type"] == "message/rfc822":  # a text: its line ends are not content
        whole = got["message"] if "message" in got else base64.b64decode(got["base64"]).decode()
        out["sha256"] = hashlib.sha256(settle_text(whole).encode()).hexdigest()
    else:
        out["sha256"] = got["sha256"] if "sha256" in got else hashlib.sha256(base64.b64decode(got["base64"])).hexdigest()
    return out


def settle_address(name, address):
    """A domain is the same in Unicode and in ASCII."""
    local, _, domain = address.rpartition("@")
    return [name, f"{local}@{domain}" if domain.isascii() else f"{local}@{domain.encode('idna').decode()}"]


def settle(got):
    """The comparable form of a reading, or of the specification of a message."""
    html = settle_text(got.get("html"))
    for one, name in sorted(got.get("cids", {}).items(), key=lambda pair: -len(pair[0])):
        html = html.replace(f"cid:{one}", f"cid:{name}")
    method, calendar = got.get("calendar") or ["", ""]
    return {
        "subject": got["subject"], "text": settle_text(got.get("text")), "html": html, "calendar": [method.upper(), settle_text(calendar)],
        **{name: [settle_address(*pair) for pair in got[name]] for name in ("from", "to", "cc")},
        "attachments": [settle_file(one) for one in got.get("attachments", [])], "images": [settle_file(one) for one in got.get("images", [])],
        "in_reply_to": got.get("in_reply_to") or "", "references": list(got.get("references") or []), "priority": (got.get("priority") or "").lower(),
        "unsubscribe": [url.strip("<>,") for url in got.get("unsubscribe") or []], "headers": dict(got.get("headers") or {}),
    }
